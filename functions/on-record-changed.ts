import { createHash } from 'node:crypto';
import { openBus } from '#shared/adapters/aws/bus.ts';
import { openHistory } from '#shared/adapters/dynamo/open.ts';
import { readInstanceChange, readKeyChange } from '#shared/adapters/dynamo/stream.ts';
import { publishChanges } from '#shared/app/events/publish-changes.ts';
import { readConfig } from '#shared/config.ts';
import { makeStreamHandler, once } from './make-handler.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

const ports = once(() => {
  const { stage, ...config } = readConfig('PRIVATE_TABLE_NAME', 'BUS_NAME');
  return { bus: openBus(config.BUS_NAME), history: openHistory(config.PRIVATE_TABLE_NAME), hash, stage };
});

/** A record changed: what that owes to the world goes to the bus, then into the history. */
export const handler = makeStreamHandler('record change', async (record) => {
  const change = readInstanceChange(record) ?? readKeyChange(record);
  return { events: change ? await publishChanges([change], ports()) : 0 };
});
