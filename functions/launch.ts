import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { openMemberCredentials } from '#shared/adapters/aws/member-credentials.ts';
import { giveBack } from '#shared/adapters/aws/queue.ts';
import { openStore, openUserData } from '#shared/adapters/dynamo/open.ts';
import { runLaunch } from '#shared/app/launch/run-launch.ts';
import { readLaunchMessage } from '#shared/app/messages.ts';
import { readConfig } from '#shared/config.ts';
import { count } from '#shared/observe/metrics.ts';
import { makeQueueHandler, once } from './make-handler.ts';

const ports = once(() => {
  const { timing, stage, region, ...config } = readConfig(
    'HOME_ACCOUNT',
    'TABLE_NAME',
    'PRIVATE_TABLE_NAME',
    'ACCOUNTS',
    'LAUNCH_QUEUE_URL',
  );
  const home = { account: config.HOME_ACCOUNT, region, stage, accounts: config.ACCOUNTS };
  const members = openMemberCredentials(home, 'launch', Date.now);
  const userData = openUserData(config.PRIVATE_TABLE_NAME);
  const store = openStore(config.TABLE_NAME, timing);
  return {
    store,
    userData,
    ec2: openEc2(home.account, Date.now, members),
    queueUrl: config.LAUNCH_QUEUE_URL,
    stage,
    timing,
  };
});

/** A launch was asked for: RunInstances under its own token, however often the message comes. */
export const handler = makeQueueHandler('launch', async (body, record) => {
  const { launchId } = readLaunchMessage(body);
  try {
    const state = await runLaunch(launchId, Date.now(), ports());
    if (state !== 'launched' && state !== 'requested' && state !== 'unknown') count('LaunchFailed', ports().stage);
    return { launchId, state };
  } catch (error) {
    // Should that fail too, the message comes back by the queue's own timeout; what matters is the first error.
    await giveBack(ports().queueUrl, record, Math.random).catch(() => {});
    throw error;
  }
});
