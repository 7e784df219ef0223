import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type SweepMessage, sweepPairs } from '#shared/app/cloud/sweep-pairs.ts';
import { readConfig } from '#shared/config.ts';
import { registeredPairs } from '#shared/domain/account/accounts.ts';
import { makeScheduleHandler, once } from './make-handler.ts';

const ports = once(() => {
  const { timing, ...config } = readConfig('TABLE_NAME', 'ACCOUNTS', 'SWEEP_QUEUE_URL', 'SWEEP_PERIOD_SECONDS');
  const outbox = openQueue<SweepMessage>(config.SWEEP_QUEUE_URL);
  const registered = registeredPairs(config.ACCOUNTS);
  return {
    store: openStore(config.TABLE_NAME, timing),
    outbox,
    registered,
    periodSeconds: config.SWEEP_PERIOD_SECONDS,
  };
});

/** Every five minutes: asks for a sweep of each account and region. */
export const handler = makeScheduleHandler('sweep', () => sweepPairs(Date.now(), ports()));
