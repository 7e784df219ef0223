import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type DuePorts, handleDue, type LaunchMessage } from '#shared/app/handle-due.ts';
import { readConfig } from '#shared/config.ts';
import { errorFields, log } from '#shared/observe/log.ts';
import { count } from '#shared/observe/metrics.ts';
import { lambda, makeScheduleHandler, once } from './make-handler.ts';

/** Every minute: what time alone changes. */
export const make = (ports: () => DuePorts, runtime = lambda) =>
  makeScheduleHandler('tick', () => handleDue(runtime.now(), ports()), runtime);

export const handler = make(
  once(() => {
    const { timing, stage, ...config } = readConfig('TABLE_NAME', 'LAUNCH_QUEUE_URL');
    const failed = (record: object, error: unknown) => {
      log.error('deadline not handled', { ...record, ...errorFields(error) });
      count('DueFailed', stage);
    };
    return {
      store: openStore(config.TABLE_NAME, timing),
      launch: openQueue<LaunchMessage>(config.LAUNCH_QUEUE_URL),
      failed,
      timing,
    };
  }),
);
