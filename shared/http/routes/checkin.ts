import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { checkinPath } from '#protocol/paths.ts';
import { CheckinReport, checkIn } from '#shared/app/agent/check-in.ts';
import { answer } from '#shared/app/answer.ts';
import { defineRoute } from '../route.ts';

const Checkin = answer(
  'Checkin',
  z.object({ nextCheckinSeconds: z.number(), link: z.enum(['taken', 'open']), tasks: z.array(z.never()) }),
);

export const checkinRoute = defineRoute({
  method: 'POST',
  path: checkinPath,
  operationId: 'checkin',
  group: 'agent',
  function: 'checkin',
  summary: 'Check in',
  token: true,
  body: CheckinReport,
  status: 200,
  answer: Checkin,
  problems: [
    ...(['busy', 'unsupported_algorithm', 'wrong_audience', 'clock_skew', 'account_not_registered'] as const),
    ...(['agent_unknown', 'key_denied', 'body_hash_mismatch', 'stale_sequence', 'identity_conflict'] as const),
  ],
  run: ({ token, bytes, body: report }, now, ports) => {
    const bodySha256 = createHash('sha256').update(bytes).digest('base64url');
    return checkIn({ token, bodySha256, report }, now, ports);
  },
});
