/** Takes a timer back. Harmless once the timer has run. */
export type Cancel = () => void;

/** What a timer runs. A clock waits for a promise that it returns, and reports its rejection. */
export type Run = () => void | Promise<void>;

/** The time and what happens at a later time, as one argument. Durations are milliseconds. */
export interface Clock {
  now(): Date;
  after(ms: number, run: Run): Cancel;
  /** Runs after each `ms`, counted from the end of the run before: a slow run is never overtaken by the next. */
  every(ms: number, run: Run): Cancel;
}

/** Longer delays overflow in Node and would run at once (nodejs.org/api/timers.html). */
const longestDelayMs = 2 ** 31 - 1;

/** The clock on the wall. `stop` takes back every timer, so that nothing keeps the process alive. */
export class RealClock implements Clock {
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  readonly #onError: (error: unknown) => void;
  #stopped = false;

  /** `onError` gets whatever a run throws or rejects with. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  now(): Date {
    return new Date();
  }

  after(ms: number, run: Run): Cancel {
    if (!(ms >= 0 && ms <= longestDelayMs)) throw new RangeError(`${ms} ms is no delay that Node can wait for.`);
    if (this.#stopped) return () => {};
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#start(run);
    }, ms);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  every(ms: number, run: Run): Cancel {
    let cancelled = false;
    const repeat = async () => {
      try {
        await run();
      } finally {
        if (!cancelled) cancel = this.after(ms, repeat);
      }
    };
    let cancel = this.after(ms, repeat);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Takes back every timer and resolves when the runs under way have ended. Later timers are never made. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#running);
  }

  #start(run: Run): void {
    const running = (async () => run())()
      .catch(this.#onError)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}
