import type { ProofKind } from '#protocol/enrollment.ts';
import type { TakenLink } from '#shared/domain/agent/chain.ts';
import type { FirstTry } from '#shared/domain/cloud/first-try.ts';
import type { AccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { Attachments } from '#shared/domain/enrollment/attachment.ts';
import type { Ended } from '#shared/domain/enrollment/ending.ts';
import type { CrossChecks } from '#shared/domain/enrollment/enrollment-case.ts';
import type { EnrollmentKey } from '#shared/domain/enrollment/enrollment-key.ts';
import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import type { DescribedLaunch, Launch } from '#shared/domain/launch/launch.ts';
import type { Server } from '#shared/domain/server/server.ts';
import type { Instant } from '#shared/domain/time.ts';

/** What describe says of an instance beyond its state; kept beside the record so that events stay cheap. */
export interface InstanceFacts extends InstanceKey, Attachments {
  /** The start of which this was said. */
  launchTime: Instant;
  imageId: string;
  instanceType: string;
  architecture: string | null;
  availabilityZone: string | null;
  subnetId: string | null;
  vpcId: string | null;
  privateIp: string | null;
  publicIp: string | null;
  instanceProfileArn: string | null;
  clientToken: string | null;
  amiLaunchIndex: number;
  tags: Readonly<Record<string, string>>;
  describedAt: Instant;
}

/** When an agent was last heard of, and the link that its next check-in has to name. `seq` rises with every request of one agent's. */
export interface Lease extends InstanceKey, TakenLink {
  lastSeenAt: Instant;
}

/** Which instance a key is bound to; a denied one stays denied though the record goes. */
export interface Binding extends InstanceKey {
  agentId: string;
  publicKey: string;
  status: 'bound' | 'denied';
  boundAt: Instant;
  /** What enrolled the key: a weaker proof never puts another in its place. */
  proof: ProofKind | null;
  /** Why the key is denied; null while it is bound. */
  ended: Ended | null;
  /** Not there where nothing was ever enrolled with the key. */
  checks?: CrossChecks;
  description: Readonly<Record<string, string>>;
  version: number;
}

export type Saved<T> = { saved: true } | { saved: false; current: T | undefined };

/** One record's change in a transaction: on condition that the record is still `before` (by version), or still absent. */
export type RecordChange =
  | { kind: 'instance'; before: Instance | undefined; after: Instance }
  | { kind: 'server'; before: Server | undefined; after: Server }
  | { kind: 'launch'; before: Launch | undefined; after: Launch }
  | { kind: 'key'; before: EnrollmentKey | undefined; after: EnrollmentKey }
  | { kind: 'binding'; before: Binding | undefined; after: Binding };

export interface Page<T> {
  items: readonly T[];
  /** Opaque; null at the end. An empty page need not be the last. */
  next: string | null;
}
export interface PageRequest {
  size: number;
  after: string | null;
}

/** An enrollment by a key without a limit: not written, but it must not have been revoked meanwhile. */
export interface KeyUse {
  keyId: string;
  agentId: string;
}

export interface DueRecord {
  /** The record behind the index entry: an instance, a launch or an enrollment key. */
  kind: 'instance' | 'launch' | 'key';
  instance?: InstanceKey;
  launchId?: string;
  keyId?: string;
  due: Instant;
}

interface PairRecords {
  instances: Instance[];
  lastHeardAt: Map<string, Instant>;
  facts: Map<string, InstanceFacts>;
}

/** The records. Every write is conditional; whoever loses learns what stands there and decides anew. Reads are strongly consistent. */
export interface Store {
  getInstance(key: InstanceKey): Promise<Instance | undefined>;
  /** Every record of a pair, with when its agents were last heard of and what describe said, by instance id. */
  readPair(account: string, region: string): Promise<PairRecords>;
  listInstances(page: PageRequest): Promise<Page<Instance>>;
  /** The blind update; what stood in its way comes back at no read's cost (ReturnValuesOnConditionCheckFailure). */
  tryFirst(step: FirstTry): Promise<Saved<Instance>>;
  /** The versioned write: `after.version` is ignored and becomes `before.version + 1`. */
  saveInstance(before: Instance | undefined, after: Instance): Promise<Saved<Instance>>;
  /** All or nothing. False if any record has moved, the key in use is marked as revoked, or another transaction is under way. */
  commit(changes: readonly RecordChange[], use?: KeyUse): Promise<boolean>;

  getFacts(key: InstanceKey): Promise<InstanceFacts | undefined>;
  putFacts(facts: InstanceFacts): Promise<void>;
  getLease(key: InstanceKey): Promise<Lease | undefined>;
  /** False if the stored lease is not `before` any more, by `seq` and `link`. */
  renewLease(before: Lease | undefined, after: Lease): Promise<boolean>;
  getBinding(agentId: string): Promise<Binding | undefined>;

  /** Makes the pair's item on first sight; nothing is written once it is there. */
  ensurePair(account: string, region: string): Promise<void>;
  listPairs(): Promise<AccountRegion[]>;
  getPair(account: string, region: string): Promise<AccountRegion | undefined>;
  savePair(pair: AccountRegion): Promise<void>;

  getServer(id: string): Promise<Server | undefined>;
  listServers(page: PageRequest): Promise<Page<Server>>;
  getLaunch(id: string): Promise<Launch | undefined>;
  getKey(id: string): Promise<EnrollmentKey | undefined>;
  listKeys(page: PageRequest): Promise<Page<EnrollmentKey>>;
  /**
   * Lets no commit that uses the key go through any more: those under way when this began have ended when it returns.
   * What refuses the key by its name is its record; this closes the gap between reading that and committing.
   */
  markRevoked(keyId: string): Promise<void>;
  /** Notes a use of a key without touching its version; nothing happens if one was noted less than a while before. */
  noteKeyUse(keyId: string, use: { at: Instant; by: string }): Promise<void>;

  /** What is due by `now`, by the index: a hint, the record itself decides. */
  listDue(now: Instant, limit: number): Promise<DueRecord[]>;
  /** Moves an index entry of a record that could not be handled. */
  putOff(record: DueRecord, until: Instant): Promise<void>;
}

/** A launch's frozen user data, its grant's seed included: kept apart from everything that leaves the table. */
export interface UserDataStore {
  put(launchId: string, userData: string): Promise<void>;
  get(launchId: string): Promise<string | undefined>;
  delete(launchId: string): Promise<void>;
}

export interface HistoryEntry {
  /** The record that the event tells of: `<account>/<region>/<instanceId>` or a server's id. */
  record: string;
  eventId: string;
  detailType: string;
  detail: Readonly<Record<string, unknown>>;
  writtenAt: Instant;
}

export interface HistoryStore {
  /** Writing the same entry again changes nothing. */
  put(entries: readonly HistoryEntry[]): Promise<void>;
  list(record: string, page: PageRequest): Promise<Page<HistoryEntry>>;
}

/** What DescribeInstances returns of one instance, narrowed to what Muster uses. */
export interface Described {
  sight: DescribedLaunch;
  facts: InstanceFacts;
}

export interface DescribeAnswer {
  sentAt: Instant;
  found: readonly Described[];
}

/** EC2, as far as verify and sweep ask it. */
export interface Describer {
  /** By the `instance-id` filter: a missing id is simply absent. At most 200 ids. */
  describe(account: string, region: string, instanceIds: readonly string[]): Promise<DescribeAnswer>;
  /** By the `InstanceIds` parameter: EC2 answers it though another zone is impaired. A missing id is simply absent. */
  describeNamed(account: string, region: string, instanceIds: readonly string[]): Promise<DescribeAnswer>;
  /** Every page, or an error: a listing that was cut short is no listing. */
  describeAll(account: string, region: string): Promise<DescribeAnswer>;
  describeByToken(account: string, region: string, clientToken: string): Promise<DescribeAnswer>;
}

/** A message to one of Muster's own queues. */
export interface Outbox<Message> {
  send(messages: readonly Message[], delaySeconds?: number): Promise<void>;
}

export interface VerifyMessage extends InstanceKey {
  /** How often it was asked already. */
  attempt: number;
}
