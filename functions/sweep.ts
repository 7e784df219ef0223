import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type SweepMessage, type SweepPorts, sweepPairs } from '#shared/app/cloud/sweep-pairs.ts';
import { readConfig } from '#shared/config.ts';
import { registeredPairs } from '#shared/domain/account/accounts.ts';
import { lambda, makeScheduleHandler, once } from './make-handler.ts';

/** Every five minutes: asks for a sweep of each account and region. */
export const make = (ports: () => SweepPorts, runtime = lambda) =>
  makeScheduleHandler('sweep', () => sweepPairs(runtime.now(), ports()), runtime);

export const handler = make(
  once(() => {
    const { timing, ...config } = readConfig('TABLE_NAME', 'ACCOUNTS', 'SWEEP_QUEUE_URL', 'SWEEP_PERIOD_SECONDS');
    const outbox = openQueue<SweepMessage>(config.SWEEP_QUEUE_URL);
    const registered = registeredPairs(config.ACCOUNTS);
    return {
      store: openStore(config.TABLE_NAME, timing),
      outbox,
      registered,
      periodSeconds: config.SWEEP_PERIOD_SECONDS,
    };
  }),
);
