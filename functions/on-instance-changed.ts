import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type NotificationPorts, recordNotifications } from '#shared/app/cloud/record-notification.ts';
import { readConfig } from '#shared/config.ts';
import { isRegisteredIn } from '#shared/domain/account/accounts.ts';
import { lambda, makeMessagesHandler, once } from './make-handler.ts';

/** EC2 says that instances changed their state: one write each, and no call to EC2. */
export const make = (ports: () => NotificationPorts & { stage: string }, runtime = lambda) =>
  makeMessagesHandler(
    'instance change',
    async (bodies) => {
      const outcomes = await recordNotifications(bodies, runtime.now(), ports());
      for (const { what } of outcomes) if (what === 'ignored') runtime.count('NotificationIgnored', ports().stage);
      return outcomes.map((outcome) => {
        if (outcome.what === 'failed') return { error: outcome.error };
        const { key, ...fields } = outcome;
        return { ...fields, ...key };
      });
    },
    runtime,
  );

export const handler = make(
  once(() => {
    const config = readConfig('TABLE_NAME', 'EVENT_SOURCE', 'ACCOUNTS', 'VERIFY_QUEUE_URL');
    const { stage, timing, region } = config;
    const isRegistered = isRegisteredIn(config.ACCOUNTS);
    const store = openStore(config.TABLE_NAME, timing);
    return {
      store,
      verify: openQueue(config.VERIFY_QUEUE_URL),
      eventSource: config.EVENT_SOURCE,
      isRegistered,
      homeRegion: region,
      stage,
      timing,
    };
  }),
);
