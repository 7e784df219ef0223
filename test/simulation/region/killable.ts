/** What a killed process's callers see: no answer, whatever was done. */
export class ProcessDied extends Error {
  override readonly name = 'ProcessDied';
}

/** Where a process dies: at its n-th call of a port, counted from 1, before or after the call took effect. */
export interface Death {
  atCall: number;
  when: 'before' | 'after';
}

/** One process: it makes calls until it dies, and none after that. */
export class Life {
  readonly #death: Death | null;
  /** Runs before each call took effect: the moment in which others may come between. */
  readonly #meanwhile: (nthCall: number) => Promise<void>;
  #calls = 0;
  #dead = false;

  constructor(death: Death | null, meanwhile: (nthCall: number) => Promise<void> = async () => {}) {
    this.#death = death;
    this.#meanwhile = meanwhile;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Throws ProcessDied where the process dies or is dead already. */
  async call<T>(run: () => Promise<T>): Promise<T> {
    this.#assertAlive();
    this.#calls += 1;
    const dies = this.#death?.atCall === this.#calls ? this.#death.when : null;
    if (dies === 'before') this.#die();
    await this.#meanwhile(this.#calls);
    this.#assertAlive();
    const answer = await run();
    if (dies === 'after') this.#die();
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

/** The port as one process sees it. `entered` runs in the same step as the call itself, without a pause in between. */
export function killable<Port extends object>(port: Port, life: Life, entered: () => void = () => {}): Port {
  return new Proxy(port, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) =>
        life.call(async () => {
          entered();
          return member.apply(target, args);
        });
    },
  });
}
