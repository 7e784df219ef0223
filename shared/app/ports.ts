import type { Lease } from '#shared/domain/agent/lease.ts';
import type { FirstTry } from '#shared/domain/cloud/first-try.ts';
import type { AccountRegion } from '#shared/domain/cloud/sweep.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import type { DescribedLaunch } from '#shared/domain/launch/launch.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { PublishedEvent } from './events/event-bus.ts';
import type { Kind, RecordChange, RecordOf } from './records/registry.ts';

export type Saved<T> = { saved: true } | { saved: false; current: T | undefined };

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

/** An entry of the index of what is due. */
export interface DueRecord {
  kind: Kind;
  id: string;
  due: Instant;
}

/** All kinds of records alike (shared/app/records/registry.ts). */
export interface RecordStore {
  get<K extends Kind>(kind: K, id: string): Promise<RecordOf<K> | undefined>;
  /** In the order of their ids. Throws for a kind that cannot be listed. */
  list<K extends Kind>(kind: K, page: PageRequest): Promise<Page<RecordOf<K>>>;
  /** All changes or none. False if any record has moved, the key in use is marked as revoked, or another transaction is under way. */
  commit(changes: readonly RecordChange[], use?: KeyUse): Promise<boolean>;
  /** What is due by `now`, by the index: a hint, the record itself decides. */
  listDue(now: Instant, limit: number): Promise<DueRecord[]>;
  /** Moves the index entry of a record that could not be handled. */
  putOff(record: DueRecord, until: Instant): Promise<void>;
}

/** The hot item, by the instance's key. */
export interface InstanceStore {
  getInstance(key: InstanceKey): Promise<Instance | undefined>;
  /** Account and Region after account and Region, each in the order of instance ids. */
  listInstances(page: PageRequest): Promise<Page<Instance>>;
  /** The blind update. A refusal brings what stands there, without a read (ReturnValuesOnConditionCheckFailure). */
  tryFirst(step: FirstTry): Promise<Saved<Instance>>;
  /** The versioned write: `after.version` is ignored and becomes `before.version + 1`. */
  saveInstance(before: Instance | undefined, after: Instance): Promise<Saved<Instance>>;
}

/** What a sweep has to know of an instance's facts. */
export interface KnownFacts {
  /** Of what they say (shared/app/instance/facts-digest.ts); empty where an earlier Muster wrote them. */
  digest: string;
  describedAt: Instant;
}

/** A record, with when its agent was last heard of and what is known of its facts. */
export interface PairRecord {
  instance: Instance;
  lastHeardAt?: Instant;
  facts?: KnownFacts;
}

/** What lies beside the instances of an account and Region, and what is known of that pair. */
export interface AccountRegionStore {
  /**
   * The records of the account and Region in the order of instance ids, read as far as the caller goes. Leaves out what `isOver` before
   * `endedBefore`; null leaves out nothing.
   */
  readPair(account: string, region: string, endedBefore: Instant | null): AsyncIterable<PairRecord>;
  getFacts(key: InstanceKey): Promise<InstanceFacts | undefined>;
  /** Writes nothing where a later answer of EC2's stands, by `describedAt`. */
  putFacts(facts: InstanceFacts): Promise<void>;
  /** Deletes the facts that were described at that moment and the lease that was last renewed at that moment; others stay. */
  dropBeside(key: InstanceKey, known: Omit<PairRecord, 'instance'>): Promise<void>;
  /** Makes the pair's item on first sight. Nothing is written once it is there. */
  ensurePair(account: string, region: string): Promise<void>;
  listPairs(): Promise<AccountRegion[]>;
  getPair(account: string, region: string): Promise<AccountRegion | undefined>;
  savePair(pair: AccountRegion): Promise<void>;
}

export interface LeaseStore {
  getLease(key: InstanceKey): Promise<Lease | undefined>;
  /** False if the stored lease is not `before` any more, by `seq` and `link`. */
  renewLease(before: Lease | undefined, after: Lease): Promise<boolean>;
}

export interface KeyUseStore {
  /**
   * No commit that uses the key succeeds after this: those under way when this began have ended when it returns. The key's
   * record refuses new ones. This closes the gap between reading the record and committing.
   */
  markRevoked(keyId: string): Promise<void>;
  /** Notes a use of a key without touching its version. Nothing happens if one was noted shortly before. */
  noteKeyUse(keyId: string, use: { at: Instant; by: string }): Promise<void>;
}

/** Every write is conditional: a use case that loses learns what stands there and decides anew. Reads are strongly consistent. */
export interface Store extends RecordStore, InstanceStore, AccountRegionStore, LeaseStore, KeyUseStore {}

/** A launch's frozen user data, its grant's seed included: kept apart from everything that leaves the table. */
export interface UserDataStore {
  put(launchId: string, userData: string): Promise<void>;
  get(launchId: string): Promise<string | undefined>;
  delete(launchId: string): Promise<void>;
}

/** What history keeps. An entry that is written again is the same item. */
export type HistoryEntry = ToldEntry | HistoryLink;

/** What one change of a record told of one moment. It serves the instance and the server that it is alike. */
export interface ToldEntry {
  kind: 'told';
  /** The record that changed: `<account>/<region>/<instanceId>` or an enrollment key's id. */
  record: string;
  serverId: string | null;
  /** The record's version after the change. */
  version: number;
  /** When it happened, by the events; `changedAt` where they do not say. */
  at: Instant;
  changedAt: Instant;
  /** At least one; the members of their `data` say who and when. */
  events: readonly PublishedEvent[];
}

/** Says that what an instance told lies with this server too: its record does not lead there any more, or will be gone. */
export interface HistoryLink {
  kind: 'link';
  record: string;
  serverId: string;
  changedAt: Instant;
}

export interface HistoryStore {
  /** Answers for each entry, in their order: undefined if it is kept, else why it is not. */
  put(entries: readonly HistoryEntry[]): Promise<readonly unknown[]>;
  /**
   * The events of one record, oldest first: an instance's, by `<account>/<region>/<instanceId>` and the server that it is now, if any;
   * a server's or a key's, by its id.
   */
  list(record: string, page: PageRequest, serverId?: string | null): Promise<Page<PublishedEvent>>;
}

/** What DescribeInstances returns of one instance, narrowed to what Muster uses. */
export interface Described {
  sight: DescribedLaunch;
  facts: InstanceFacts;
}

export interface DescribeAnswer {
  sentAt: Instant;
  found: readonly Described[];
  /** Instances that the answer lists and that cannot be read; an empty text where the id cannot be read either. */
  unreadableIds: readonly string[];
}

/** DescribeInstances takes up to 200 values in one filter (AWSEC2/latest/APIReference/API_DescribeInstances.html). */
export const describeLimit = 200;

/** EC2, as far as verify and sweep ask it. */
export interface Describer {
  /** By the `instance-id` filter: a missing id is simply absent. At most `describeLimit` ids. */
  describe(account: string, region: string, instanceIds: readonly string[]): Promise<DescribeAnswer>;
  /** By the `InstanceIds` parameter: EC2 answers it though another zone is impaired. A missing id is simply absent. */
  describeNamed(account: string, region: string, instanceIds: readonly string[]): Promise<DescribeAnswer>;
  /**
   * Every instance, page by page as they come, or an error: a listing that was cut short is no listing. Each page has the time of the first
   * request.
   */
  describePages(account: string, region: string): AsyncIterable<DescribeAnswer>;
  describeByToken(account: string, region: string, clientToken: string): Promise<DescribeAnswer>;
}

/** A message to one of Muster's own queues. */
export interface Outbox<Message> {
  send(messages: readonly Message[], delaySeconds?: number): Promise<void>;
}

export interface VerifyMessage extends InstanceKey {
  /** How often it was asked already. */
  attempt: number;
  /** Read the record first: a transition that arrived meanwhile may have answered the question. */
  onlyIfInDoubt?: true | undefined;
  /** The instance came back after its end: its server may have another one by now. */
  cameBack?: true | undefined;
}
