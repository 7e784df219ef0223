import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { vectors } from '../identity/vectors.ts';
import type { Clone } from './clone.ts';
import { awsCli, listed, runs, type Step } from './steps.ts';

/** docs/identity.md. */
export const identitySteps = (clone: () => Clone): Step[] => [
  runs(`echo '{"regions":["us-east-1"],"vpcs":["vpc-0a1b2c3d4e5f60718"]}' > scope.json`, (printed) =>
    expect(printed).toBe(''),
  ),
  runs('npx muster key create --user-data app.json --scope scope.json --uses 20', (printed) => {
    const { id, ...key } = JSON.parse(printed);
    expect(key).toMatchObject({ usesLeft: 20, scope: { regions: ['us-east-1'], vpcs: ['vpc-0a1b2c3d4e5f60718'] } });
    const { muster } = JSON.parse(readFileSync(join(clone().folder, 'app.json'), 'utf8'));
    expect(muster).toEqual({ url: clone().stack.url, grant: { id, seed: expect.any(String) } });
    clone().known.set('key_…', id);
  }),
  awsCli('aws ec2 run-instances --user-data file://app.json …'),
  runs('npx muster api DELETE /v1/enrollment-keys/key_…', (printed) =>
    expect(JSON.parse(printed)).toMatchObject({ id: clone().known.get('key_…'), revokedAt: expect.any(String) }),
  ),
  listed(
    'npx muster api POST /v1/instances/<account>/<region>/<id>/release',
    'test/app/enrollment/end-binding.test.ts releases',
  ),
  listed(
    'npx muster re-enroll <account> <region> <id> --settings agent.json',
    'test/app/agent/replace-agent.test.ts re-enrolls by such a grant',
  ),
  listed(
    "TOKEN=$(curl -sX PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')",
    'it is for an instance',
  ),
  listed(
    'curl -sH "X-aws-ec2-metadata-token: $TOKEN" http://169.254.169.254/latest/dynamic/instance-identity/rsa2048 > rsa2048',
    'it is for an instance: a file that AWS signed on another day is there instead',
    async () => writeFileSync(join(clone().folder, 'rsa2048'), genuine().signature),
  ),
  runs('npx muster identity verify --kind iid-rsa2048 --signature rsa2048', (printed) =>
    expect(JSON.parse(printed)).toMatchObject({
      verdict: 'accepted',
      document: { instanceId: genuine().instanceId },
    }),
  ),
];

/** docs/runbook.md. */
export const runbookSteps = (clone: () => Clone): Step[] => [
  runs('npx serverless logs -f enroll', (printed) => expect(printed).toContain('"message":"enrollment decided"')),
  runs('npx muster api GET /v1/servers', (printed) =>
    expect(JSON.parse(printed).items).toContainEqual(expect.objectContaining({ name: 'web-1' })),
  ),
  awsCli("aws sqs start-message-move-task --source-arn <the dead letters' ARN> --destination-arn <the queue's ARN>"),
  runs('npx serverless invoke -f tick', (printed) => expect(JSON.parse(printed)).toMatchObject({ failed: 0 })),
  awsCli('aws s3 cp s3://<bucket>/<object> failed.json'),
  listed(
    `jq -r '.payload | if type == "string" then . else tojson end' failed.json > batch.json`,
    'jq is not here, and the emulator puts no failed records into a bucket',
  ),
  awsCli('aws lambda invoke --function-name muster-<stage>-onRecordChanged --payload fileb://batch.json /dev/stdout'),
  // Nothing of these has happened here: what the filter lets through is no line of an enrollment that went well
  ...[
    `npx serverless logs -f enroll --filter '"refused"'`,
    `npx serverless logs -f checkin --filter '"identity conflict"'`,
    `npx serverless logs -f enroll --filter '"identity key needs attention"'`,
  ].map((command) => runs(command, (printed) => expect(printed).not.toContain('"decision":"enrolled"'))),
  runs('npx muster api DELETE /v1/enrollment-keys/key_…', (printed) =>
    expect(JSON.parse(printed)).toMatchObject({ id: clone().known.get('key_…'), revokedAt: expect.any(String) }),
  ),
  runs('npx muster api GET /v1/enrollment-keys', (printed) => {
    const used = { lastUsedBy: expect.stringContaining(String(clone().known.get('i-…'))) };
    expect(JSON.parse(printed).items).toContainEqual(expect.objectContaining(used));
  }),
];

function genuine() {
  const vector = vectors.find(({ kind }) => kind === 'rsa2048');
  if (!vector) throw new Error('test/fixtures has no rsa2048');
  return vector;
}
