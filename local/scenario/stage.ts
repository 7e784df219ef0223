import type { EC2Client } from '@aws-sdk/client-ec2';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';

/** What the scenario needs of the engine that it plays on: EC2 itself, the machines, and Muster's API. Nothing else. */
export interface Stage {
  /** EC2, by the SDK, as the account's owner would use it. */
  ec2(account: string, region: string): EC2Client;
  /** The operator's API; throws for an answer that is no success. */
  api<Answer>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer>;
  /** Where agents enroll. */
  url: string;
  /** What is so, by EC2's own word: undefined for an instance that never was. */
  truth(key: InstanceKey): Truth | undefined;
  /** By the ClientToken that EC2 holds: Muster asked for this instance. */
  launchedByMuster(key: InstanceKey): boolean;
  /** The state of an instance that a listener on Muster's bus believes; undefined where nothing was told. */
  believed(key: InstanceKey): string | undefined;
  /** What the agent of an instance keeps on its own disk; null where there is none. */
  agentFile(key: InstanceKey): AgentFile | null;
  /** Puts an agent on a running instance whose image has none. */
  install(key: InstanceKey, settings: object): Promise<void>;
  /** The next launch in that region fails as EC2 says when it has no capacity. */
  failNextLaunch(account: string, region: string): void;
  /** A zone in which none of the scenario's instances runs stops answering, and with it every listing of its region; the answer brings it back. */
  killZone(region: string): () => void;
  settings: StageSettings;
  newGrantKey(): { seed: Uint8Array; publicKeyX: string };
  /** Resolves once `check` gives something; rejects when it has not after the longest wait. */
  until<T>(what: string, check: () => Promise<T | undefined> | T | undefined): Promise<T>;
}

interface Truth {
  state: string;
  /** Every state since the launch with EC2's stamp of it, RFC 3339 in whole seconds. */
  steps: readonly { state: string; at: string }[];
  /** How often the instance was started, and rebooted. */
  starts: number;
  reboots: number;
}

interface AgentFile {
  enrolled: { serverId: string | null } | null;
  refused: string | null;
}

interface StageSettings {
  account: string;
  foreignAccount: string;
  homeRegion: string;
  secondRegion: string;
  agentImage: string;
  plainImage: string;
  subnetId: string;
  securityGroupId: string;
  eventsTag: string;
}

/** An instance as the API shows it, as far as the scenario looks. */
export interface ShownInstance extends InstanceKey {
  state: string;
  management: string;
  managementReason: string;
  serverId: string | null;
  agent: { state: string | null } | null;
  /** What describe said; null before it was asked. */
  facts?: object | null;
}

/** An entry of an instance's history, as far as the scenario looks. */
export interface ShownEvent {
  detailType: string;
  detail: { data: { state?: string; at?: string } };
}

export interface ShownServer {
  id: string;
  name: string;
  state: string;
  instance: InstanceKey | null;
}
