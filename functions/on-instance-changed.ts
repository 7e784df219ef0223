import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type NotificationPorts, recordNotification } from '#shared/app/cloud/record-notification.ts';
import { readConfig } from '#shared/config.ts';
import { isRegisteredIn } from '#shared/domain/account/accounts.ts';
import { lambda, makeQueueHandler, once } from './make-handler.ts';

/** EC2 says that an instance changed its state: one write, and no call to EC2. */
export const make = (ports: () => NotificationPorts & { stage: string }, runtime = lambda) =>
  makeQueueHandler(
    'instance change',
    async (body) => {
      const recorded = await recordNotification(body, runtime.now(), ports());
      if (recorded.what === 'ignored') runtime.count('NotificationIgnored', ports().stage);
      return { what: recorded.what, why: recorded.why, ...recorded.key };
    },
    runtime,
  );

export const handler = make(
  once(() => {
    const config = readConfig('TABLE_NAME', 'EVENT_SOURCE', 'ACCOUNTS', 'VERIFY_QUEUE_URL');
    const { stage, timing } = config;
    const isRegistered = isRegisteredIn(config.ACCOUNTS);
    const store = openStore(config.TABLE_NAME, timing);
    return {
      store,
      verify: openQueue(config.VERIFY_QUEUE_URL),
      eventSource: config.EVENT_SOURCE,
      isRegistered,
      stage,
      timing,
    };
  }),
);
