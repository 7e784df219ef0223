import { randomBytes } from 'node:crypto';
import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore, openUserData } from '#shared/adapters/dynamo/open.ts';
import { newId } from '#shared/adapters/ids.ts';
import type { LaunchMessage } from '#shared/app/handle-due.ts';
import type { ChangePorts } from '#shared/app/operator-ports.ts';
import { readConfig } from '#shared/config.ts';
import { allRoutes } from '#shared/http/routes/index.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { lambda, once } from './make-handler.ts';
import { makeRoutesHandler } from './make-routes-handler.ts';

/** Operators' requests that change records. */
export const make = (ports: () => ChangePorts, runtime = lambda) =>
  makeRoutesHandler('operatorChange', allRoutes, ports, runtime);

export const handler = make(
  once(() => {
    const { timing, ...config } = readConfig(
      ...(['TABLE_NAME', 'PRIVATE_TABLE_NAME', 'AUDIENCES', 'ACCOUNTS', 'LAUNCH_QUEUE_URL'] as const),
    );
    const [audience = ''] = config.AUDIENCES;
    return {
      store: openStore(config.TABLE_NAME, timing),
      userData: openUserData(config.PRIVATE_TABLE_NAME),
      launch: openQueue<LaunchMessage>(config.LAUNCH_QUEUE_URL),
      accounts: config.ACCOUNTS,
      audience,
      newGrantKey: () => newGrantKey(randomBytes),
      newId,
      timing,
    };
  }),
);
