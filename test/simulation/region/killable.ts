/** The error that the callers of a killed process get: no answer, whatever the process did before. */
export class ProcessDied extends Error {
  override readonly name = 'ProcessDied';
}

/** For the callers of a process that may die: any other error is theirs. */
export function ignoreDeath(error: unknown): void {
  if (!(error instanceof ProcessDied)) throw error;
}

/** What happens to a process at one of its calls, counted from 1. */
export interface Fate {
  /** Whether the process dies before, or after, the call takes effect. */
  dies(call: number, side: 'before' | 'after'): boolean;
  /** Runs before the call takes effect: others may act then. */
  meanwhile?(call: number): Promise<void>;
}

/** One process: it makes calls until it dies, and none after that. */
export class Life {
  readonly #fate: Fate;
  #calls = 0;
  #dead = false;

  constructor(fate: Fate) {
    this.#fate = fate;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Throws ProcessDied if the process dies at this call or is dead already. */
  async call<T>(run: () => Promise<T>): Promise<T> {
    this.#assertAlive();
    this.#calls += 1;
    const call = this.#calls;
    if (this.#fate.dies(call, 'before')) this.#die();
    await this.#fate.meanwhile?.(call);
    this.#assertAlive();
    const answer = await run();
    if (!this.#dead && this.#fate.dies(call, 'after')) this.#die();
    this.#assertAlive();
    return answer;
  }

  #die(): never {
    this.#dead = true;
    throw new ProcessDied('the process died');
  }

  #assertAlive(): void {
    if (this.#dead) throw new ProcessDied('the process is dead');
  }
}

/** What comes piece by piece. Each page of a listing is a call; the few records of a pair come in one. */
async function* listed(pages: AsyncIterable<unknown>, life: Life, entered: () => void): AsyncGenerator<unknown, void> {
  const iterator = pages[Symbol.asyncIterator]();
  const next = () => {
    entered();
    return iterator.next();
  };
  for (let page = await life.call(next); !page.done; page = await life.call(next)) yield page.value;
}

async function* read(records: AsyncIterable<unknown>, life: Life, entered: () => void): AsyncGenerator<unknown, void> {
  yield* await life.call(async () => {
    entered();
    return Array.fromAsync(records);
  });
}

const streams: Readonly<Record<string, typeof read>> = { describePages: listed, readPair: read };

/** The port as one process sees it. `entered` runs in the same step as the call itself, without a pause in between. */
export function killable<Port extends object>(port: Port, life: Life, entered: () => void = () => {}): Port {
  return new Proxy(port, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      const stream = streams[String(name)];
      if (stream) return (...args: unknown[]) => stream(member.apply(target, args), life, entered);
      return (...args: unknown[]) =>
        life.call(async () => {
          entered();
          return member.apply(target, args);
        });
    },
  });
}
