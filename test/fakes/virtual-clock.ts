import type { Cancel, Clock, Run } from '#local/clock.ts';

interface Timer {
  at: number;
  order: number;
  readonly run: Run;
  readonly periodMs: number | null;
  cancelled: boolean;
}

/**
 * A clock that moves only when told to. Timers run one at a time, in order of their time and, at the same time, of
 * their making; an asynchronous run is awaited before the next begins, and its rejection ends the advance. A run must
 * therefore not itself wait for a later timer.
 */
export class VirtualClock implements Clock {
  #now: number;
  #timers: Timer[] = [];
  #made = 0;
  #advancing = false;

  constructor(start: Date) {
    this.#now = start.getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  after(ms: number, run: Run): Cancel {
    return this.#add(ms, run, null);
  }

  every(ms: number, run: Run): Cancel {
    if (ms === 0) throw new RangeError('A period must be longer than nothing.');
    return this.#add(ms, run, ms);
  }

  /** Runs everything due up to `date`, that included, and stays there. */
  async advanceTo(date: Date): Promise<void> {
    if (!(date.getTime() >= this.#now)) throw new RangeError('Time does not go back.');
    await this.#runUntil(date.getTime(), () => true);
    this.#now = date.getTime();
  }

  async advanceBy(ms: number): Promise<void> {
    await this.advanceTo(new Date(this.#now + ms));
  }

  /**
   * Runs until nothing but periodic timers is left, at most up to `limit`, and stays at the time of the last run.
   * True if that state was reached.
   */
  async runUntilIdle(limit: Date): Promise<boolean> {
    const busy = () => this.#timers.some((timer) => timer.periodMs === null);
    await this.#runUntil(limit.getTime(), busy);
    return !busy();
  }

  #add(ms: number, run: Run, periodMs: number | null): Cancel {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`${ms} ms is no duration.`);
    const timer: Timer = { at: this.#now + ms, order: 0, run, periodMs, cancelled: false };
    this.#insert(timer);
    return () => {
      timer.cancelled = true;
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  #insert(timer: Timer): void {
    timer.order = this.#made++;
    const index = this.#timers.findLastIndex((other) => other.at <= timer.at);
    this.#timers.splice(index + 1, 0, timer);
  }

  async #runUntil(limit: number, goOn: () => boolean): Promise<void> {
    if (this.#advancing) throw new Error('The clock is being advanced already.');
    this.#advancing = true;
    try {
      for (let next = this.#timers[0]; next && next.at <= limit && goOn(); next = this.#timers[0]) {
        this.#timers.shift();
        this.#now = Math.max(this.#now, next.at);
        await next.run();
        this.#repeat(next);
      }
    } finally {
      this.#advancing = false;
    }
  }

  #repeat(timer: Timer): void {
    if (timer.periodMs === null || timer.cancelled) return;
    timer.at = this.#now + timer.periodMs;
    this.#insert(timer);
  }
}
