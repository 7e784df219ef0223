import { openStore, openUserData } from '#shared/adapters/dynamo/open.ts';
import { openEc2 } from '#shared/adapters/ec2.ts';
import { readLaunchMessage } from '#shared/app/messages.ts';
import { runLaunch } from '#shared/app/run-launch.ts';
import { readConfig } from '#shared/config.ts';
import { count } from '#shared/observe/metrics.ts';
import { makeQueueHandler, once } from './make-handler.ts';

const ports = once(() => {
  const { timing, stage, ...config } = readConfig('TABLE_NAME', 'PRIVATE_TABLE_NAME');
  const userData = openUserData(config.PRIVATE_TABLE_NAME);
  return { store: openStore(config.TABLE_NAME, timing), userData, ec2: openEc2(Date.now), stage, timing };
});

/** A launch was asked for: RunInstances under its own token, however often the message comes. */
export const handler = makeQueueHandler('launch', async (body) => {
  const { launchId } = readLaunchMessage(body);
  const state = await runLaunch(launchId, Date.now(), ports());
  if (state !== 'launched' && state !== 'requested') count('LaunchFailed', ports().stage);
  return { launchId, state };
});
