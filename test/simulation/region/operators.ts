import { presentOf } from '#local/aws/ec2/simulated-instance.ts';
import { hex } from '#local/random.ts';
import { keyOf } from '#shared/domain/instance/instance.ts';
import { unlessRefused } from './fleet.ts';
import type { Pipeline } from './pipeline.ts';
import { registered } from './places.ts';
import type { Watch } from './watch.ts';

const acts = ['release', 'block', 'block', 'unblock', 're-enroll'] as const;

/** People who end enrollments, and what Muster has answered to them: an answer is a promise. */
export class Operators {
  readonly #pipeline: Pipeline;
  /** The agents whose enrollment has ended, with their instances. */
  readonly #ended = new Map<string, string>();
  readonly #blocked = new Set<string>();

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
  }

  /** Somebody releases, blocks, unblocks or re-enrolls some instance, at so many moments of the span. */
  startActing(times: number, spanMs: number): void {
    const { clock, random } = this.#pipeline;
    for (let nth = 0; nth < times; nth++)
      clock.after(Math.floor(random() * spanMs), () => unlessRefused(() => this.#act()));
  }

  async #act(): Promise<void> {
    const { ec2, random, functions } = this.#pipeline;
    const own = ec2.truth().filter(({ account }) => Object.hasOwn(registered, account));
    const one = own.filter((instance) => presentOf(instance).state === 'running')[Math.floor(random() * own.length)];
    if (!one) return;
    const path = `/v1/instances/${keyOf(one)}`;
    const act = acts[Math.floor(random() * acts.length)] ?? 'release';
    const before = await functions.operate<{ agent: { id: string } | null }>('GET', path);
    // From here on it may be unblocked, whether or not the answer arrives.
    if (act === 'unblock') this.#blocked.delete(keyOf(one));
    const body =
      act === 're-enroll' ? { agentId: Buffer.from(hex(random, 64), 'hex').toString('base64url') } : undefined;
    await functions.operate('POST', `${path}/${act}`, body);
    if (act === 'block') this.#blocked.add(keyOf(one));
    if (act !== 'unblock' && before.agent) this.#ended.set(before.agent.id, keyOf(one));
  }

  /** Which promises were broken. */
  async broken(watch: Watch): Promise<string[]> {
    const { store } = this.#pipeline.ports;
    const wrong = [...this.#blocked]
      .filter((key) => watch.instances.get(key)?.management.reason !== 'blocked')
      .map(
        (key) => `34 operators win: ${key} was blocked and is ${JSON.stringify(watch.instances.get(key)?.management)}`,
      );
    for (const [agentId, key] of this.#ended) {
      const binding = await store.get('binding', agentId);
      if (binding?.status !== 'denied') wrong.push(`34 operators win: the key of ${agentId} is ${binding?.status}`);
      if (watch.instances.get(key)?.agent?.id === agentId)
        wrong.push(`34 operators win: ${agentId} is on ${key} again`);
    }
    return wrong;
  }
}
