import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { openBus } from '#shared/adapters/aws/bus.ts';
import { openHistory } from '#shared/adapters/dynamo/open.ts';
import { readChange } from '#shared/adapters/dynamo/stream.ts';
import { type PublishPorts, publishChanges } from '#shared/app/events/publish-changes.ts';
import { readConfig } from '#shared/config.ts';
import { lambda, makeStreamHandler, once } from './make-handler.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

/** Records changed: what that owes to the world goes to the bus, then into the history. */
export const make = (ports: () => PublishPorts, runtime = lambda) =>
  makeStreamHandler(
    'record change',
    async (records) => {
      const changes = records.map(readChange);
      const results = (
        await publishChanges(
          changes.filter((change) => change !== undefined),
          ports(),
        )
      ).values();
      return changes.map((change) => (change && results.next().value) ?? { events: 0 });
    },
    runtime,
  );

export const handler = make(
  once(() => {
    const { stage, ...config } = readConfig('PRIVATE_TABLE_NAME', 'BUS_NAME');
    return { bus: openBus(config.BUS_NAME), history: openHistory(config.PRIVATE_TABLE_NAME), hash, stage, pause };
  }),
);
