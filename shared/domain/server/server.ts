import type { Instance, InstanceKey } from '../instance/instance.ts';
import type { LaunchRequest, LaunchState } from '../launch/launch.ts';
import type { Instant } from '../time.ts';

/** Muster's record of a machine that ran, runs or will run. It outlives its instances. */
export interface Server {
  id: string;
  name: string;
  account: string;
  region: string;
  /** Rises with every launch; an answer for an older one cannot attach. */
  generation: number;
  /** The current instance: at most one. */
  instance: InstanceKey | null;
  /** The launch under way, or the last one. */
  launchId: string | null;
  launchState: LaunchState | null;
  past: readonly InstanceKey[];
  /** What a launch of it asks EC2 for; null for a server that was adopted. */
  request: LaunchRequest | null;
  createdAt: Instant;
  version: number;
}

/** Past instances are a history for people; the audit trail keeps all. */
export const pastKept = 10;

export function newServer(fields: Pick<Server, 'id' | 'name' | 'account' | 'region'>, createdAt: Instant): Server {
  return {
    ...fields,
    generation: 0,
    instance: null,
    launchId: null,
    launchState: null,
    past: [],
    request: null,
    createdAt,
    version: 0,
  };
}

export const sameInstance = (a: InstanceKey, b: InstanceKey): boolean =>
  a.account === b.account && a.region === b.region && a.instanceId === b.instanceId;

/** Joins a server to an instance; the one before goes into its history. */
export function attach(server: Server, key: InstanceKey): Server {
  const { account, region, instanceId } = key;
  if (server.instance && sameInstance(server.instance, key)) return server;
  const past = server.instance ? [...server.past, server.instance].slice(-pastKept) : server.past;
  return { ...server, instance: { account, region, instanceId }, past };
}

/**
 * The one word that an operator sees for a server (docs/design/records.md, "conditions"): the cloud's word unless the instance runs; stranded outranks the
 * agent's word, which outranks `booting`; with no current instance, or an ended one, `inactive`. Of a running instance
 * that was let go nobody tells anything: `unknown`.
 */
export function effectiveState(instance: Instance | null): string {
  if (!instance || instance.cloud.state === 'terminated') return 'inactive';
  if (instance.cloud.state !== 'running') return instance.cloud.state;
  if (instance.management.status === 'discovered-only') {
    return instance.management.reason === 'deadline_passed' ? 'stranded in booting' : 'unknown';
  }
  return agentWord(instance) ?? 'booting';
}

/** The agent's own word of its state, if it gave one since this start: the word of the last one says nothing of this. */
export function agentWord({ agent, cloud: { epoch } }: Instance): string | null {
  if (!agent || agent.stateAt === null) return null;
  return epoch === null || agent.stateAt >= epoch ? agent.state : null;
}
