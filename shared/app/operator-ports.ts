import type { Accounts } from '#shared/domain/account/accounts.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { LaunchMessage } from './handle-due.ts';
import type { HistoryStore, Outbox, Store, UserDataStore } from './ports.ts';

/** For operators' requests that read records and change nothing. */
export interface ReadPorts {
  store: Store;
  history: HistoryStore;
  timing: Timing;
}

/** For operators' requests that change records. */
export interface ChangePorts {
  store: Store;
  userData: Pick<UserDataStore, 'put'>;
  launch: Outbox<LaunchMessage>;
  accounts: Accounts;
  /** The base URL that launched agents are told. */
  audience: string;
  /** A new Ed25519 key: its seed, and its public half in base64url. */
  newGrantKey: () => { seed: Uint8Array; publicKeyX: string };
  newId: (prefix: string) => string;
  timing: Timing;
}

/** For operators' requests that ask EC2. */
export interface Ec2Ports {
  store: Store;
  /** Asks EC2 to terminate the instance. Throws Problem `ec2_refused` if EC2 refuses. */
  terminate: (key: InstanceKey) => Promise<void>;
}
