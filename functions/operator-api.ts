import { openHistory, openStore } from '#shared/adapters/dynamo/open.ts';
import type { ReadPorts } from '#shared/app/operator-ports.ts';
import { readConfig } from '#shared/config.ts';
import { allRoutes } from '#shared/http/routes/index.ts';
import { lambda, once } from './make-handler.ts';
import { makeRoutesHandler } from './make-routes-handler.ts';

/** Operators' requests that read records and change nothing. */
export const make = (ports: () => ReadPorts, runtime = lambda) =>
  makeRoutesHandler('operatorApi', allRoutes, ports, runtime);

export const handler = make(
  once(() => {
    const { timing, ...config } = readConfig('TABLE_NAME', 'PRIVATE_TABLE_NAME');
    return { store: openStore(config.TABLE_NAME, timing), history: openHistory(config.PRIVATE_TABLE_NAME), timing };
  }),
);
