import { appendFileSync } from 'node:fs';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';

interface Told {
  'detail-type': string;
  detail: { data: Partial<InstanceKey> & { sequence?: number; state?: string; late?: true } };
}

/**
 * Somebody who listens to Muster's bus, and believes of each instance what docs/events.md says that one may: the state of the
 * event with the highest `sequence` that is not late. Events come at least once and in any order.
 */
export class Listener {
  readonly #file: string;
  readonly #believed = new Map<string, { sequence: number; state: string }>();

  /** All that is heard is kept in `file`, one line an event. */
  constructor(file: string) {
    this.#file = file;
  }

  /** `body`: an event of the bus as JSON, as EventBridge gives it to a queue. */
  hear(body: string): void {
    appendFileSync(this.#file, `${body}\n`);
    const { 'detail-type': type, detail } = JSON.parse(body) as Told;
    const { account, region, instanceId, sequence = 0, state, late } = detail.data;
    if (type !== 'Instance State Changed' || late || !account || !region || !instanceId || !state) return;
    const key = nameOf({ account, region, instanceId });
    if (sequence >= (this.#believed.get(key)?.sequence ?? 0)) this.#believed.set(key, { sequence, state });
  }

  /** The state that the listener believes; undefined for an instance of which nothing was told. */
  stateOf(key: InstanceKey): string | undefined {
    return this.#believed.get(nameOf(key))?.state;
  }
}

const nameOf = ({ account, region, instanceId }: InstanceKey): string => `${account}/${region}/${instanceId}`;
