import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import type { CheckinPorts } from '#shared/app/agent/check-in.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { readConfig } from '#shared/config.ts';
import { isRegisteredIn } from '#shared/domain/account/accounts.ts';
import { checkinRoute } from '#shared/http/routes/checkin.ts';
import { log } from '#shared/observe/log.ts';
import { count } from '#shared/observe/metrics.ts';
import { lambda, makeApiHandler, once } from './make-handler.ts';

/** POST /v1/checkin: an agent says that it is there and how it is. */
export const make = (ports: () => CheckinPorts, runtime = lambda) =>
  makeApiHandler((event) => checkinRoute.serve(event, runtime.now(), ports()), runtime);

export const handler = make(
  once(() => {
    const { timing, stage, ...config } = readConfig('TABLE_NAME', 'AUDIENCES', 'ACCOUNTS', 'VERIFY_QUEUE_URL');
    const verify = openQueue<VerifyMessage>(config.VERIFY_QUEUE_URL);
    const twinSeen: CheckinPorts['twinSeen'] = (twin) => {
      log.warn('identity conflict', { ...twin });
      count('IdentityConflict', stage);
    };
    const endingFinished: CheckinPorts['endingFinished'] = (ended) => log.warn('ending finished', { ...ended });
    const begunAnew: CheckinPorts['begunAnew'] = (agent) => {
      log.warn('check-in began anew after a restore', { ...agent });
      count('CheckinBegunAnew', stage);
    };
    const [store, isRegistered] = [openStore(config.TABLE_NAME, timing), isRegisteredIn(config.ACCOUNTS)];
    return { store, verify, audiences: config.AUDIENCES, isRegistered, begunAnew, twinSeen, endingFinished, timing };
  }),
);
