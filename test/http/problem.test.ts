import { describe, expect, it } from 'vitest';
import { Problem, type ProblemCode, problems } from '#shared/domain/problems.ts';
import { asProblem, problemAnswer, statusOf } from '#shared/http/problem.ts';
import { answerNamed, violations } from './violations.ts';

const codes = Object.keys(problems) as ProblemCode[];

describe('an answer that refuses', () => {
  it.each(codes)('is a problem of RFC 9457 for %s', (code) => {
    const { statusCode, headers, body } = problemAnswer(new Problem(code, 'what happened'));
    const json = JSON.parse(body);
    expect(violations(json, answerNamed('Problem'))).toEqual([]);
    const { title, todo } = problems[code];
    expect(json).toMatchObject({ code, status: statusCode, detail: 'what happened', title, todo });
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
    expect(statusCode).toBeGreaterThanOrEqual(400);
  });

  it('lets no fact stand in the place of a member that RFC 9457 names', () => {
    const forged = { type: 'x', title: 'x', status: 200, detail: 'x', code: 'x', todo: 'x', launchId: 'lch_1' };
    const json = JSON.parse(problemAnswer(new Problem('refused', 'no', forged)).body);
    expect(json).toMatchObject({
      status: 403,
      title: problems.refused.title,
      detail: 'no',
      code: 'refused',
      launchId: 'lch_1',
    });
  });

  it('says in a header too when to come back', () => {
    const { headers } = problemAnswer(new Problem('retry', 'not yet', { retryAfterSeconds: 5 }));
    expect(headers['retry-after']).toBe('5');
  });

  it('asks for patience only with statuses that mean it', () => {
    const patient: ProblemCode[] = [
      'busy',
      'retry',
      'instance_not_described',
      'document_from_future',
      'sts_unavailable',
    ];
    expect(codes.filter((code) => statusOf(code) === 503).sort()).toEqual(patient.sort());
  });
});

describe('a failure that is no refusal', () => {
  it.each([new TypeError('secret'), 'secret', null, { code: 'refused', message: 'secret' }])(
    'is told by its reference alone: %j',
    (error) => {
      const { statusCode, body } = problemAnswer(asProblem(error, 'ref_1'));
      expect([statusCode, JSON.parse(body).reference]).toEqual([500, 'ref_1']);
      expect(body).not.toContain('secret');
    },
  );
});
