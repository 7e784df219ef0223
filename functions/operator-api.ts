import { randomBytes } from 'node:crypto';
import httpRouter from '@middy/http-router';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { openHistory, openStore, openUserData } from '#shared/adapters/dynamo/open.ts';
import { newId } from '#shared/adapters/ids.ts';
import { openQueue } from '#shared/adapters/queue.ts';
import type { LaunchMessage } from '#shared/app/handle-due.ts';
import { readConfig } from '#shared/config.ts';
import { openApiRoute } from '#shared/http/openapi.ts';
import { operatorRoutes } from '#shared/http/operator-routes.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { makeApiHandler, once } from './make-handler.ts';

const ports = once(() => {
  const { timing, ...config } = readConfig(
    'HOME_ACCOUNT',
    'TABLE_NAME',
    'PRIVATE_TABLE_NAME',
    'AUDIENCES',
    'ACCOUNTS',
    'LAUNCH_QUEUE_URL',
  );
  const [store, userData, history] = [
    openStore(config.TABLE_NAME, timing),
    openUserData(config.PRIVATE_TABLE_NAME),
    openHistory(config.PRIVATE_TABLE_NAME),
  ];
  const terminate = async (region: string, instanceId: string) => {
    const { openEc2 } = await import('#shared/adapters/ec2.ts');
    await openEc2(config.HOME_ACCOUNT, Date.now).terminate(region, instanceId);
  };
  const launch = openQueue<LaunchMessage>(config.LAUNCH_QUEUE_URL);
  const [audience = ''] = config.AUDIENCES;
  return {
    store,
    userData,
    history,
    launch,
    terminate,
    accounts: config.ACCOUNTS,
    audience,
    newGrantKey: () => newGrantKey(randomBytes),
    newId,
    timing,
  };
});

/** What people ask, by the routes of shared/http/operator-routes.ts. */
export const handler = makeApiHandler(
  httpRouter([
    openApiRoute,
    ...operatorRoutes.map(({ method, path, run }) => ({
      method,
      path,
      handler: (event: APIGatewayProxyEventV2) => run(event, Date.now(), ports()),
    })),
  ]),
);
