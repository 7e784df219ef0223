import { openDeploymentEc2 } from '#shared/adapters/aws/deployment-ec2.ts';
import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type SweepRegionPorts, sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { readSweepMessage } from '#shared/app/messages.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { readConfig } from '#shared/config.ts';
import { isRegisteredIn } from '#shared/domain/account/accounts.ts';
import { alarmOn } from '#shared/observe/alarms.ts';
import { lambda, makeQueueHandler, once } from './make-handler.ts';

interface SweepFunctionPorts extends SweepRegionPorts {
  isRegistered: (account: string, region: string) => boolean;
  stage: string;
}

/** One account and region against EC2: complete, or not at all. */
export const make = (ports: () => SweepFunctionPorts, runtime = lambda) =>
  makeQueueHandler(
    'sweep of a region',
    async (body) => {
      const { account, region } = readSweepMessage(body);
      if (!ports().isRegistered(account, region)) return { account, region, ignored: 'not_registered' };
      const report = await sweepRegion(account, region, ports());
      const { stage } = ports();
      if (report.repaired > 0) runtime.count('SweepRepaired', stage, report.repaired);
      // Both, so that an alarm can take the share
      if (report.agents > 0) runtime.count('AgentExpected', stage, report.agents);
      if (report.agents > 0) runtime.count('AgentSilent', stage, report.silent);
      return { account, region, ...report };
    },
    runtime,
  );

export const handler = make(
  once(() => {
    const { timing, stage, region, ...config } = readConfig(
      ...(['HOME_ACCOUNT', 'TABLE_NAME', 'ACCOUNTS', 'VERIFY_QUEUE_URL'] as const),
    );
    const verify = openQueue<VerifyMessage>(config.VERIFY_QUEUE_URL);
    const home = { account: config.HOME_ACCOUNT, region, stage, accounts: config.ACCOUNTS };
    const store = openStore(config.TABLE_NAME, timing);
    return {
      store,
      ec2: openDeploymentEc2(home, 'sweepRegion', Date.now),
      verify,
      alarm: alarmOn(stage),
      isRegistered: isRegisteredIn(home.accounts),
      stage,
      timing,
    };
  }),
);
