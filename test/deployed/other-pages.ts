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
    `npx serverless logs -f operatorChange --filter '"openCheckins"'`,
    `npx serverless logs -f enroll --filter '"identity key needs attention"'`,
  ].map((command) => runs(command, (printed) => expect(printed).not.toContain('"decision":"enrolled"'))),
  runs('npx muster api DELETE /v1/enrollment-keys/key_…', (printed) =>
    expect(JSON.parse(printed)).toMatchObject({ id: clone().known.get('key_…'), revokedAt: expect.any(String) }),
  ),
  runs('npx muster api GET /v1/enrollment-keys', (printed) => {
    const used = { lastUsedBy: expect.stringContaining(String(clone().known.get('i-…'))) };
    expect(JSON.parse(printed).items).toContainEqual(expect.objectContaining(used));
  }),
  awsCli(
    [
      'aws dynamodb restore-table-to-point-in-time --source-table-name <MainTableName> --target-table-name <MainTableName>-restored \\',
      '  --restore-date-time 2026-11-02T09:00:00Z',
    ].join('\n'),
  ),
  // One deployment serves all pages here: nothing of it may be put back.
  ...[
    'npx muster copy-table <MainTableName>-restored <MainTableName>',
    'npx serverless deploy',
    "npx muster restore 2026-11-02T09:00:00Z --reason 'what happened'",
    `echo '{"instances":[{"account":"…","region":"…","instanceId":"i-…"}],"since":"2026-11-02T09:00:00Z","until":"2026-11-03T00:00:00Z","reason":"restore"}' |`,
    '  npx muster api POST /v1/conflicts/end --data -',
  ].map((command) => listed(command, 'test/functions/restore.test.ts rehearses it with a hundred agents')),
];

const onAws = 'it settles what only AWS can say';

/** docs/first-day.md: what the emulator can answer too. */
export const firstDaySteps: readonly Step[] = [
  runs('npx serverless info --verbose', (printed) => {
    for (const output of ['HttpApiUrl', 'RedriveRoleArn', 'MemberParameters']) expect(printed).toContain(output);
  }),
  runs('npx serverless invoke -f tick', (printed) => expect(JSON.parse(printed)).toMatchObject({ failed: 0 })),
  runs('npx muster api GET /v1/instances', (printed) => expect(JSON.parse(printed)).toHaveProperty('items')),
  listed(
    'npx muster api POST /v1/servers/srv_0/launch',
    'test/deployed/operator-routes.ts asks as a reader and as an operator',
  ),
  awsCli('aws ec2 run-instances --region us-east-1 --image-id <image> --instance-type t4g.nano'),
  listed('npx muster api GET /v1/instances/<account>/us-east-1/<id>/history', onAws),
  ...[
    "aws lambda list-event-source-mappings --function-name muster-prod-verify --query 'EventSourceMappings[0].UUID' --output text",
    'aws lambda update-event-source-mapping --uuid <uuid> --no-enabled',
    'aws ec2 run-instances --region us-east-1 --image-id <image> --instance-type t4g.nano',
    'for n in 1 2 3 4 5 6 7; do aws sqs receive-message --queue-url <verify queue> --visibility-timeout 1; sleep 3; done',
    'aws sqs get-queue-attributes --queue-url <verify dead letters> --attribute-names ApproximateNumberOfMessages',
  ].map((command) => awsCli(command)),
  listed(
    "aws sqs start-message-move-task --source-arn <the dead letters' ARN> --destination-arn <the queue's ARN>",
    'test/deployed/redrive.ts sends a dead letter back with the role',
  ),
  awsCli("aws sqs list-message-move-tasks --source-arn <the dead letters' ARN>"),
  awsCli('aws lambda update-event-source-mapping --uuid <uuid> --enabled'),
  awsCli('aws ec2 run-instances --region us-west-2 --image-id <image> --instance-type t4g.nano'),
  listed('npx muster api GET /v1/instances/<account>/us-west-2/<id>/history', onAws),
  listed('npx muster identity verify --kind iid-rsa2048 --signature rsa2048', 'the steps of docs/identity.md run it'),
  listed('npx muster api GET /v1/instances/<account>/us-east-1/<id>/history', onAws),
  awsCli("aws cloudwatch describe-alarms --alarm-names muster-prod-agents-silent --query 'MetricAlarms[0].StateValue'"),
  listed(
    `seq 2000 | xargs -P 100 -I{} curl -s -o /dev/null -w '%{http_code}\\n' -X POST "$MUSTER_URL/v1/enroll" | sort | uniq -c`,
    'the emulator has no throttles',
  ),
  awsCli(
    "aws cloudwatch describe-alarms --alarm-names muster-prod-enroll-turned-away muster-prod-api-refuses --query 'MetricAlarms[].StateValue'",
  ),
  awsCli('aws lambda put-function-concurrency --function-name muster-prod-tick --reserved-concurrent-executions 0'),
  listed('sleep 600', onAws),
  awsCli('aws lambda delete-function-concurrency --function-name muster-prod-tick'),
  runs('npx serverless logs -f tick', (printed) => expect(printed).toContain('"message":')),
  runs('npx muster api GET /v1/instances', (printed) => expect(JSON.parse(printed)).toHaveProperty('items')),
];

function genuine() {
  const vector = vectors.find(({ kind }) => kind === 'rsa2048');
  if (!vector) throw new Error('test/fixtures has no rsa2048');
  return vector;
}
