import type { SQSRecord } from 'aws-lambda';
import type { Queues } from '#local/aws/sqs/queues.ts';
import type { Random } from '#local/random.ts';
import type { FunctionName } from '#local/topology.ts';
import type { SweepMessage } from '#shared/app/cloud/sweep-pairs.ts';
import type { EventBus } from '#shared/app/events/event-bus.ts';
import type { LaunchMessage } from '#shared/app/handle-due.ts';
import type { Launcher } from '#shared/app/launch/run-launch.ts';
import type { HistoryStore, Outbox, Store, UserDataStore, VerifyMessage } from '#shared/app/ports.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import type { Fields } from '#shared/observe/log.ts';
import type { Timeline } from './timeline.ts';

/** One run of one function. */
export interface Invocation {
  name: FunctionName;
  at: Instant;
}

/** Everything outside of the functions that they change or ask, as one invocation of one of them sees it. */
export interface Ports {
  store: Store;
  userData: UserDataStore;
  history: HistoryStore;
  ec2: Launcher;
  verify: Outbox<VerifyMessage>;
  launch: Outbox<LaunchMessage>;
  /** The launch queue, as its consumer sees it. */
  launchQueue: { giveBack(message: SQSRecord): Promise<void> };
  sweep: Outbox<SweepMessage>;
  bus: EventBus;
}

/** What the functions need of the pipeline that they run in. */
export interface Host {
  readonly timing: Timing;
  readonly random: Random;
  readonly queues: Queues;
  readonly timeline: Timeline;
  readonly alarms: string[];
  now(): Instant;
  /** Runs a function as one process, which may die at any of its calls. Then it rejects with ProcessDied. */
  invoke<Result>(name: FunctionName, run: (ports: Ports) => Promise<Result>): Promise<Result>;
  /** Notes an error, if it is a mistake of the program. */
  failed(error: unknown): void;
  /** The same for an error that a function wrote to its log, by the fields of the line. */
  logged(fields: Fields): void;
}
