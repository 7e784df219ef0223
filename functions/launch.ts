import type { SQSRecord } from 'aws-lambda';
import { openDeploymentEc2 } from '#shared/adapters/aws/deployment-ec2.ts';
import { giveBack } from '#shared/adapters/aws/queue.ts';
import { openStore, openUserData } from '#shared/adapters/dynamo/open.ts';
import { type LaunchPorts, runLaunch } from '#shared/app/launch/run-launch.ts';
import { readLaunchMessage } from '#shared/app/messages.ts';
import { readConfig } from '#shared/config.ts';
import { lambda, makeQueueHandler, once } from './make-handler.ts';

interface LaunchFunctionPorts extends LaunchPorts {
  stage: string;
  /** Lets a message that failed come back sooner than by the queue's own timeout. */
  giveBack: (message: SQSRecord) => Promise<void>;
}

/** A launch was asked for: RunInstances under its own token, however often the message comes. */
export const make = (ports: () => LaunchFunctionPorts, runtime = lambda) =>
  makeQueueHandler(
    'launch',
    async (body, record) => {
      const { launchId } = readLaunchMessage(body);
      const { stage, giveBack, ...own } = ports();
      try {
        const state = await runLaunch(launchId, runtime.now(), own);
        const isFailure = state !== 'launched' && state !== 'requested' && state !== 'unknown';
        if (isFailure) runtime.count('LaunchFailed', stage);
        return { launchId, state };
      } catch (error) {
        // If this call fails too, the message comes back after the queue's own timeout. The first error is reported.
        await giveBack(record).catch(() => {});
        throw error;
      }
    },
    runtime,
  );

export const handler = make(
  once(() => {
    const { timing, stage, region, ...config } = readConfig(
      ...(['HOME_ACCOUNT', 'TABLE_NAME', 'PRIVATE_TABLE_NAME', 'ACCOUNTS', 'LAUNCH_QUEUE_URL'] as const),
    );
    const home = { account: config.HOME_ACCOUNT, region, stage, accounts: config.ACCOUNTS };
    const userData = openUserData(config.PRIVATE_TABLE_NAME);
    const store = openStore(config.TABLE_NAME, timing);
    return {
      store,
      userData,
      ec2: openDeploymentEc2(home, 'launch', Date.now),
      giveBack: (message: SQSRecord) => giveBack(config.LAUNCH_QUEUE_URL, message, Math.random),
      stage,
      timing,
    };
  }),
);
