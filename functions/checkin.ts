import { createHash } from 'node:crypto';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { openQueue } from '#shared/adapters/queue.ts';
import { CheckinReport, checkIn } from '#shared/app/check-in.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { readConfig } from '#shared/config.ts';
import { jsonAnswer } from '#shared/http/problem.ts';
import { readBearer, readBody, readJson } from '#shared/http/request.ts';
import { makeApiHandler, once } from './make-handler.ts';

const ports = once(() => {
  const { timing, ...config } = readConfig('TABLE_NAME', 'AUDIENCES', 'VERIFY_QUEUE_URL');
  const verify = openQueue<VerifyMessage>(config.VERIFY_QUEUE_URL);
  return { store: openStore(config.TABLE_NAME, timing), verify, audiences: config.AUDIENCES, timing };
});

/** POST /v1/checkin: an agent says that it is there and how it is. */
export const handler = makeApiHandler(async (event) => {
  const token = readBearer(event);
  const bodySha256 = createHash('sha256').update(readBody(event, 'application/json')).digest('base64url');
  const report = readJson(event, CheckinReport);
  return jsonAnswer(200, await checkIn({ token, bodySha256, report }, Date.now(), ports()));
});
