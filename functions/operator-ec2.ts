import { openDeploymentEc2 } from '#shared/adapters/aws/deployment-ec2.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import type { Ec2Ports } from '#shared/app/operator-ports.ts';
import { readConfig } from '#shared/config.ts';
import { allRoutes } from '#shared/http/routes/index.ts';
import { lambda, once } from './make-handler.ts';
import { makeRoutesHandler } from './make-routes-handler.ts';

/** Operators' requests that ask EC2. */
export const make = (ports: () => Ec2Ports, runtime = lambda) =>
  makeRoutesHandler('operatorEc2', allRoutes, ports, runtime);

export const handler = make(
  once(() => {
    const { timing, stage, region, ...config } = readConfig('HOME_ACCOUNT', 'TABLE_NAME', 'ACCOUNTS');
    const home = { account: config.HOME_ACCOUNT, region, stage, accounts: config.ACCOUNTS };
    const { terminate } = openDeploymentEc2(home, 'operatorEc2', Date.now);
    return { store: openStore(config.TABLE_NAME, timing), terminate };
  }),
);
