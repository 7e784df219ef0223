import { randomBytes } from 'node:crypto';
import httpRouter from '@middy/http-router';
import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openHistory, openStore, openUserData } from '#shared/adapters/dynamo/open.ts';
import { newId } from '#shared/adapters/ids.ts';
import type { LaunchMessage } from '#shared/app/handle-due.ts';
import type { OperatePorts } from '#shared/app/operator-ports.ts';
import { readConfig } from '#shared/config.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { served } from '#shared/http/route.ts';
import { operatorRoutes } from '#shared/http/routes/index.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { lambda, makeApiHandler, once } from './make-handler.ts';

/** What people ask: the routes of shared/http/routes/. */
export const make = (ports: () => OperatePorts, runtime = lambda) =>
  makeApiHandler(
    httpRouter(served(['operatorApi', 'operatorChange', 'operatorEc2'], operatorRoutes, runtime.now, ports)),
    runtime,
  );

export const handler = make(
  once(() => {
    const { timing, stage, region, ...config } = readConfig(
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
    const home = { account: config.HOME_ACCOUNT, region, stage, accounts: config.ACCOUNTS };
    const ec2 = once(async () => {
      const { openEc2 } = await import('#shared/adapters/aws/ec2.ts');
      const { openMemberCredentials } = await import('#shared/adapters/aws/member-credentials.ts');
      return openEc2(home.account, Date.now, openMemberCredentials(home, 'operatorApi', Date.now));
    });
    const launch = openQueue<LaunchMessage>(config.LAUNCH_QUEUE_URL);
    const [audience = ''] = config.AUDIENCES;
    return {
      store,
      userData,
      history,
      launch,
      terminate: async (key: InstanceKey) => (await ec2()).terminate(key),
      accounts: config.ACCOUNTS,
      audience,
      newGrantKey: () => newGrantKey(randomBytes),
      newId,
      timing,
    };
  }),
);
