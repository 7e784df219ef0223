import { Problem, type ProblemCode } from '#shared/domain/problems.ts';
import { audience, authority } from '#test/fakes/identity.ts';
import { apiEvent, call } from '#test/functions/setup.ts';

/**
 * The handler of POST /v1/enroll as deployed, with a table at an address where nobody answers: what is refused before any read
 * gets its own code, and what is not is `internal`.
 */
export async function enrollHandler(environment: Record<string, string> = {}) {
  const nobody = 'http://127.0.0.1:9';
  Object.assign(process.env, {
    ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_MAX_ATTEMPTS: '1' },
    ...{ AWS_ENDPOINT_URL_DYNAMODB: nobody, AWS_ENDPOINT_URL_SQS: nobody, AWS_ENDPOINT_URL_EC2: nobody },
    ...{ STAGE: 'test', TABLE_NAME: 'none', AUDIENCES: audience, VERIFY_QUEUE_URL: `${nobody}/1/verify` },
    ...{ ACCOUNTS: '{"111122223333":{"regions":["us-east-1"]}}', TEST_ANCHORS: JSON.stringify(authority.anchors) },
    ...{ POLICY: '{"proofKinds":["iid-rsa2048"]}', EXTRA_ANCHORS: '', POWERTOOLS_LOG_LEVEL: 'SILENT' },
    ...environment,
  });
  const { handler } = await import('../../../functions/enroll.ts');
  return (fields: object) => answerOf(handler, fields);
}

/** Calls a handler with an event of these fields; what is refused is thrown, as the caller was told it. */
async function answerOf(handler: unknown, fields: object): Promise<unknown> {
  const { statusCode, json } = await call(handler, { ...apiEvent('POST', '/v1/enroll'), ...fields });
  if (statusCode < 400) return json;
  const { type, title, status, detail, code, todo, ...facts } = json;
  throw new Problem(code as ProblemCode, String(detail), facts as Problem['facts']);
}
