import type { Random } from '#local/random.ts';
import type { Ec2State, InstanceKey } from '#shared/domain/instance/instance.ts';
import { type Instant, wholeSecond } from '#shared/domain/time.ts';
import { between, chance, integer, logBetween } from './random.ts';

/** One true state of an instance, from `at` (exact to the millisecond) until the next. */
export interface Change {
  state: Ec2State;
  at: Instant;
  /** EC2's LaunchTime: the second in which this start was asked for. */
  launchTime: Instant;
  /** As DescribeInstances words it; a time only where a person or the API asked. */
  transitionReason: string;
  stateReason: string | null;
}

/** The true life of one instance. Nothing that Muster sees goes back to anything else. */
export interface Life {
  key: InstanceKey;
  changes: readonly Change[];
  /** An ended instance is listed "usually less than one hour" (API_DescribeInstances.html); infinite while it lives. */
  listedUntil: Instant;
}

/** The share of lives in which each of these happens. Invented: rare cases occur more often than in EC2, so that tests reach them. */
const shares = { failedLaunch: 0.02, failedStart: 0.05, quickCycle: 0.01, endedWhileStopping: 0.03, ends: 0.6 };

/** A truthful EC2 life: a launch, none to three stop/start cycles, some within one second, failed starts, an end or none. */
export function drawLife(random: Random, key: InstanceKey, startsAt: Instant): Life {
  const draft = new Draft(random, startsAt);
  if (draft.launch()) live(random, draft);
  const last = draft.changes.at(-1);
  const listedUntil =
    last?.state === 'terminated' ? last.at + between(random, 600_000, 3_600_000) : Number.POSITIVE_INFINITY;
  return { key, changes: draft.changes, listedUntil };
}

function live(random: Random, draft: Draft): void {
  const cycles = integer(random, 0, 3);
  for (let cycle = 0; cycle < cycles; cycle++) if (!draft.cycle()) return;
  if (chance(random, shares.ends)) draft.end();
}

/** Writes a life down step by step; `quick` squeezes what follows into fractions of a second. */
class Draft {
  readonly changes: Change[] = [];
  readonly #random: Random;
  #now: Instant;
  #launchTime: Instant;
  #asked = '';
  #quick = false;

  constructor(random: Random, startsAt: Instant) {
    this.#random = random;
    this.#now = startsAt;
    this.#launchTime = wholeSecond(startsAt);
  }

  get #state(): Ec2State | undefined {
    return this.changes.at(-1)?.state;
  }

  #wait(least: number, most: number): void {
    this.#now += Math.ceil(this.#quick ? between(this.#random, 20, 300) : logBetween(this.#random, least, most));
  }

  #enter(state: Ec2State, stateReason: string | null = null): void {
    const launchTime = this.#launchTime;
    this.changes.push({ state, at: this.#now, launchTime, transitionReason: this.#asked, stateReason });
  }

  #start(): void {
    this.#launchTime = wholeSecond(this.#now);
    this.#asked = '';
    this.#enter('pending');
  }

  /** False where the launch fails: two seconds, and the instance is gone. */
  launch(): boolean {
    this.#start();
    if (chance(this.#random, shares.failedLaunch)) {
      this.#wait(200, 4000);
      if (chance(this.#random, 0.5)) this.#enter('shutting-down', 'Server.InternalError');
      this.#wait(100, 2000);
      this.#enter('terminated', 'Server.InternalError');
      return false;
    }
    this.#wait(2000, 60_000);
    this.#enter('running');
    return true;
  }

  /** A stop and a start; false if the instance was terminated while it stopped. */
  cycle(): boolean {
    this.#quick = chance(this.#random, shares.quickCycle);
    if (this.#state === 'running') {
      this.#wait(3000, 4 * 3_600_000);
      this.#ask();
      this.#enter('stopping', 'Client.UserInitiatedShutdown');
      this.#wait(3000, 120_000);
      if (chance(this.#random, shares.endedWhileStopping)) {
        this.end();
        return false;
      }
      this.#enter('stopped', 'Client.UserInitiatedShutdown');
    }
    this.#wait(2000, 2 * 3_600_000);
    this.#start();
    this.#wait(2000, 60_000);
    if (chance(this.#random, shares.failedStart)) {
      this.#asked = 'Server.InternalError';
      this.#enter('stopped', 'Server.InternalError');
    } else this.#enter('running');
    this.#quick = false;
    return true;
  }

  end(): void {
    this.#wait(3000, 4 * 3_600_000);
    this.#ask();
    if (this.#state !== 'stopped' || chance(this.#random, 0.5)) {
      this.#enter('shutting-down', 'Client.UserInitiatedShutdown');
      this.#wait(1000, 60_000);
    }
    this.#enter('terminated', 'Client.UserInitiatedShutdown');
  }

  #ask(): void {
    const time = new Date(this.#now).toISOString();
    this.#asked = `User initiated (${time.slice(0, 10)} ${time.slice(11, 19)} GMT)`;
  }
}

/** What is true at a moment; undefined before the instance exists. */
export function truthAt(life: Life, moment: Instant): Change | undefined {
  return life.changes.findLast((change) => change.at <= moment);
}

export function lastChange(life: Life): Change {
  const last = life.changes.at(-1);
  if (!last) throw new Error('a life has at least a launch');
  return last;
}
