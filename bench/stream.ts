import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Context, DynamoDBRecord } from 'aws-lambda';
import { streamSettings } from '#local/topology.ts';
import { openBus } from '#shared/adapters/aws/bus.ts';
import { createDynamoHistory } from '#shared/adapters/dynamo/history.ts';
import { toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { ledgerEntry } from '#shared/domain/cloud/ledger.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, second, start } from '#test/build/records.ts';
import { jsonTransport } from '#test/fakes/json-transport.ts';
import * as onRecordChanged from '../functions/on-record-changed.ts';

/** The model: every call of an AWS service takes so long, Lambda's own included. */
const callMs = 20;
/** Lambda polls a shard four times a second (lambda/latest/dg/with-ddb.html). */
const pollMs = 250;
const shareOfInstances = 400;

/** What came of a load on one shard, in the model's time. */
export interface StreamLoad {
  /** From the first change to the last one told and kept. */
  tookMs: number;
  /** The longest that a change waited until it was told and kept. */
  longestWaitMs: number;
  /** How many events the bus took, by id. */
  told: ReadonlyMap<string, number>;
  /** The processor's time for one change, in microseconds: measured here, not the model's. */
  cpuMicroseconds: number;
}

/** Time that passes only while everything waits for it. */
class ModelTime {
  now = 0;
  readonly #waiting: { at: number; go: () => void }[] = [];

  sleep = (ms: number): Promise<void> =>
    new Promise((go) => {
      this.#waiting.push({ at: this.now + ms, go });
    });

  async pass(until: Promise<unknown>): Promise<void> {
    let isOver = false;
    const over = until.finally(() => {
      isOver = true;
    });
    for (;;) {
      await setImmediate();
      if (isOver) break;
      const [next] = this.#waiting.sort((a, b) => a.at - b.at);
      if (!next) continue;
      this.now = next.at;
      for (const { go } of this.#waiting.splice(0, this.#waiting.filter(({ at }) => at === next.at).length)) go();
    }
    await over;
  }
}

const states = ['pending', 'running', 'stopping', 'stopped'] as const;

/** The nth change of an instance. Each tells two events, of the instance and of its server. */
function versionOf(instance: number, nth: number): Instance {
  const state = states[nth % states.length] ?? 'pending';
  const at = start + nth * second;
  return instanceNamed(`i-${instance.toString(16).padStart(17, '0')}`, {
    version: nth + 1,
    cloud: { state, at, ledger: [ledgerEntry(state, at, `${instance} ${nth}`)] },
    assignment: { serverId: `srv_${instance.toString(16).padStart(32, '0')}` },
  });
}

function recordOf(change: number): DynamoDBRecord {
  const [instance, nth] = [change % shareOfInstances, Math.floor(change / shareOfInstances)];
  const image = (version: number) => toInstanceItem(versionOf(instance, version), defaultTiming);
  const dynamodb = {
    SequenceNumber: String(change),
    ApproximateCreationDateTime: start / 1000,
    NewImage: image(nth),
    ...(nth > 0 && { OldImage: image(nth - 1) }),
  };
  return { eventName: nth > 0 ? 'MODIFY' : 'INSERT', dynamodb: dynamodb as NonNullable<DynamoDBRecord['dynamodb']> };
}

/** So many changes come, `perSecond` of them each second, and go through the handler with the adapters of AWS. */
export async function loadStream(changes: number, perSecond: number): Promise<StreamLoad> {
  const time = new ModelTime();
  const told = new Map<string, number>();
  const madeAt = (change: number) => (change / perSecond) * 1000;
  const handler = handlerIn(time, (id) => told.set(id, (told.get(id) ?? 0) + 1));
  const records = Array.from({ length: changes }, (_, change) => recordOf(change));
  let longestWaitMs = 0;
  const cpu = process.cpuUsage();
  const poll = async () => {
    for (let next = 0; next < changes; ) {
      const polledAt = time.now;
      await time.sleep(callMs);
      const last = Math.min(changes, next + streamSettings.batchSize, Math.floor((polledAt * perSecond) / 1000) + 1);
      if (last > next) {
        await time.sleep(callMs);
        const { batchItemFailures } = await handler({ Records: records.slice(next, last) }, {} as Context);
        if (batchItemFailures.length > 0) throw new Error('the stream has to give changes again');
        longestWaitMs = Math.max(longestWaitMs, time.now - madeAt(next));
        next = last;
      }
      await time.sleep(Math.max(0, polledAt + pollMs - time.now));
    }
  };
  await time.pass(poll());
  const { user, system } = process.cpuUsage(cpu);
  return { tookMs: time.now, longestWaitMs, told, cpuMicroseconds: (user + system) / changes };
}

function handlerIn({ sleep }: ModelTime, tell: (id: string) => void) {
  const bus = openBus(
    'muster',
    jsonTransport(async (body) => {
      await sleep(callMs);
      const { Entries } = body as { Entries: { Detail: string }[] };
      for (const { Detail } of Entries) tell(JSON.parse(Detail).meta.id);
      return { body: { FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: 'taken' })) } };
    }),
  );
  const client = new DynamoDBClient(
    jsonTransport(async () => {
      await sleep(callMs);
      return { body: { UnprocessedItems: {} } };
    }),
  );
  const history = createDynamoHistory({ client, tableName: 'private' }, sleep);
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const runtime = { now: () => 0, newId: () => '', log, count: () => {}, stage: () => 'bench' };
  return onRecordChanged.make(() => ({ bus, history, hash, stage: 'bench', pause: sleep }), runtime);
}
