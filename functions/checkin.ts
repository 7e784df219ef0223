import { createHash } from 'node:crypto';
import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type CheckinPorts, CheckinReport, checkIn } from '#shared/app/agent/check-in.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { readConfig } from '#shared/config.ts';
import { jsonAnswer } from '#shared/http/problem.ts';
import { readBearer, readBody, readJson } from '#shared/http/request.ts';
import { log } from '#shared/observe/log.ts';
import { count } from '#shared/observe/metrics.ts';
import { lambda, makeApiHandler, once } from './make-handler.ts';

/** POST /v1/checkin: an agent says that it is there and how it is. */
export const make = (ports: () => CheckinPorts, runtime = lambda) =>
  makeApiHandler(async (event) => {
    const token = readBearer(event);
    const bodySha256 = createHash('sha256').update(readBody(event, 'application/json')).digest('base64url');
    const report = readJson(event, CheckinReport);
    return jsonAnswer(200, await checkIn({ token, bodySha256, report }, runtime.now(), ports()));
  }, runtime);

export const handler = make(
  once(() => {
    const { timing, stage, ...config } = readConfig('TABLE_NAME', 'AUDIENCES', 'VERIFY_QUEUE_URL');
    const verify = openQueue<VerifyMessage>(config.VERIFY_QUEUE_URL);
    const twinSeen: CheckinPorts['twinSeen'] = (twin) => {
      log.warn('identity conflict', { ...twin });
      count('IdentityConflict', stage);
    };
    return { store: openStore(config.TABLE_NAME, timing), verify, audiences: config.AUDIENCES, twinSeen, timing };
  }),
);
