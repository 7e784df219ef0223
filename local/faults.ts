import type { Ec2ErrorCode } from './aws/ec2/ec2-error.ts';
import type { StateReasonCode } from './aws/ec2/lifecycle.ts';
import type { Operation } from './aws/ec2/operations.ts';
import type { Lags } from './aws/ec2/sighting.ts';
import { type Random, type SpanMs, within } from './random.ts';
import type { FunctionName } from './topology.ts';

/** The services in which faults strike, with the members that narrow a fault down. A member that is left out fits everything. */
interface Places {
  /** Calls of EC2's API, and starts of instances. */
  ec2: { operation?: Operation; account?: string; region?: string; zone?: string };
  /** EC2's events on their way to EventBridge. `tag` is `key=value`: only for instances with that tag. */
  'ec2-events': { account?: string; region?: string; tag?: string };
  /** EventBridge's deliveries, from a rule to its target. */
  events: { bus?: string; rule?: string };
  /** Messages that are sent to a queue. */
  sqs: { queue?: string };
  /** Invocations of a function, and the calls that each invocation makes: `call` counts them from 1. */
  lambda: { function?: FunctionName } & Moment;
  /** An agent's calls: `call` counts them from 1 after each of its waits. */
  agent: Moment;
}
/** `side`: before or after the call takes effect. */
interface Moment {
  call?: number;
  side?: 'before' | 'after';
}
type Service = keyof Places;
type In<S extends Service> = { where: { [K in S]: { service: K } & Places[K] }[S] };

/**
 * Everything that can go wrong, one row for each kind: its name, the services in which it can strike, and its settings.
 * To add a kind, add a row here and ask for it where it strikes, with `strike` or `holds`.
 */
interface Kinds {
  /** The message is lost. Real SQS loses none: in a queue this keeps a part of Muster out of a test. */
  drop: In<'ec2-events' | 'events' | 'sqs'>;
  /** The message arrives twice. Each copy has its own delay. */
  repeat: In<'ec2-events' | 'events' | 'sqs'>;
  /** The message arrives late. A short delay lets later messages overtake it. */
  delay: In<'ec2-events' | 'events' | 'sqs'> & { ms: SpanMs };
  /** EC2 answers RequestLimitExceeded, although its token buckets are not empty. */
  throttle: In<'ec2'>;
  /** EC2 answers with an error and does nothing. */
  refuse: In<'ec2'> & { code: Ec2ErrorCode };
  /** EC2 does what it was asked, and its answer never arrives. */
  'lose-answer': In<'ec2'>;
  /** A DescribeInstances succeeds and shows no instance. */
  empty: In<'ec2'>;
  /** The NextToken of a DescribeInstances leads to the same page again. */
  'repeat-page': In<'ec2'>;
  /** An instance does not reach `running`: a launch ends `terminated`, a start ends `stopped`. */
  'fail-start': In<'ec2'> & { code: StateReasonCode };
  /** A zone does not answer: see aws/ec2/describe-instances.ts. Instances in it go on. */
  'zone-down': In<'ec2'>;
  /** EC2's answers lag behind the truth. */
  stale: In<'ec2'> & { lags: Partial<Lags> };
  /** The process ends. */
  die: In<'lambda' | 'agent'>;
  /** Another waiting message is handled to its end before the call is made. */
  overtake: In<'lambda'>;
  /** The function cannot be invoked. */
  disable: In<'lambda'>;
}

export type What = keyof Kinds;
export type FaultOf<W extends What> = { [K in W]: { what: K } & Kinds[K] & Occurrence }[W];

/** One thing that goes wrong: what, where, when and how often. */
export type Fault = FaultOf<What>;

interface Occurrence {
  /** Milliseconds since 1970. Without it: from the moment it is added until it is taken back. */
  when?: { from: number; until: number };
  /** The share of occasions at which it strikes, from 0 to 1, drawn from the seed. Without it: at each. */
  share?: number;
  /** It strikes at most so many times. */
  times?: number;
}

/** Something that a fault may strike: one message, one call. A list fits a fault that names one of its members. */
export type Occasion = {
  [S in Service]: { service: S } & { [M in keyof Places[S]]?: Places[S][M] | readonly Places[S][M][] };
}[Service];

/** The function cannot be invoked. */
export const disabled = (name: FunctionName): Fault => ({
  what: 'disable',
  where: { service: 'lambda', function: name },
});

export interface FaultsOptions {
  random: Random;
  /** Milliseconds since 1970. */
  now: () => number;
}

/** The faults of one simulated region, which every imitated service asks. They can be added and taken back at any time. */
export class Faults {
  readonly #options: FaultsOptions;
  #faults: { fault: Fault; left: number }[] = [];

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** Adds faults; the answer takes them back. */
  add(...faults: readonly Fault[]): () => void {
    const added = faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }));
    this.#faults.push(...added);
    return () => {
      this.#faults = this.#faults.filter((one) => !added.includes(one));
    };
  }

  /** Takes back all faults. */
  clear(): void {
    this.#faults = [];
  }

  /** The fault of one of these kinds that strikes now, if any: of several, the one that was added first. */
  strike<W extends What>(kinds: readonly W[], at: Occasion): FaultOf<W> | undefined {
    for (const fault of this.#striking(kinds, at)) return fault;
    return undefined;
  }

  /** Whether a fault of this kind strikes now. */
  holds(kind: What, at: Occasion): boolean {
    return this.strike([kind], at) !== undefined;
  }

  /** The delays in ms of the copies of one message that arrive: none if it is lost, `[0]` without a fault. */
  deliveries(at: Occasion): number[] {
    if (this.holds('drop', at)) return [];
    const copies = this.holds('repeat', at) ? 2 : 1;
    return Array.from({ length: copies }, () => {
      let delayMs = 0;
      for (const { ms } of this.#striking(['delay'], at)) delayMs += within(ms, this.#options.random);
      return delayMs;
    });
  }

  /** What is not asked for is neither drawn nor used up. */
  *#striking<W extends What>(kinds: readonly W[], at: Occasion): Generator<FaultOf<W>> {
    const now = this.#options.now();
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (entry.left <= 0 || !(kinds as readonly What[]).includes(fault.what) || !fits(fault.where, at)) continue;
      if (fault.when && (now < fault.when.from || now >= fault.when.until)) continue;
      if (fault.share !== undefined && this.#options.random() >= fault.share) continue;
      entry.left -= 1;
      yield fault as FaultOf<W>;
    }
  }
}

function fits(where: Fault['where'], at: Occasion): boolean {
  const members: Readonly<Record<string, unknown>> = at;
  return Object.entries(where).every(([name, wanted]) => {
    const actual = members[name];
    return wanted === undefined || (Array.isArray(actual) ? actual.includes(wanted) : actual === wanted);
  });
}
