import type { FunctionName } from './function-roles.ts';

interface UnusedGrant {
  /** `<action> on <resource>`, the resource by a part of its ARN. */
  grant: RegExp;
  of: readonly FunctionName[] | 'every function';
  reason: string;
  /** Chance decides whether the demonstration comes to it. */
  sometimes?: true;
}

/** What a function is granted and does not, or not always, call in the demonstration: each with the reason why it is granted all the same. */
export const unusedGrants: readonly UnusedGrant[] = [
  {
    grant: /^xray:Put(TraceSegments|TelemetryRecords) on \*$/,
    of: 'every function',
    reason: 'Lambda sends the traces, with the role of the function; the emulator has no traces',
  },
  {
    grant: /^logs:(CreateLogStream|PutLogEvents) on .*:log-group:\/aws\/lambda\//,
    of: 'every function',
    reason: 'Lambda writes the log, with the role of the function; the emulator does that without asking',
  },
  {
    grant: /^sqs:(ReceiveMessage|DeleteMessage|GetQueueAttributes) on /,
    of: ['onInstanceChanged', 'verify', 'sweepRegion', 'launch'],
    reason: 'Lambda polls the queue, with the role of the function; the emulator does that without asking',
  },
  {
    grant: /^dynamodb:(DescribeStream|GetRecords|GetShardIterator|ListStreams) on .*\/stream\//,
    of: ['onRecordChanged'],
    reason: 'Lambda polls the stream, with the role of the function; the emulator does that without asking',
  },
  {
    grant: /^s3:(PutObject|ListBucket) on .*failedrecordsbucket/,
    of: ['onRecordChanged'],
    reason: 'Lambda writes failed records; the emulator has no such destination',
  },
  {
    grant: /^sts:AssumeRole on .*:role\/muster-rehearsal-member$/,
    of: ['verify', 'sweepRegion', 'launch', 'operatorEc2'],
    reason:
      'on AWS the deployment’s own account is no member and this is not granted (test/stack/members.ts); the emulator knows no account in a condition. What members are for: member-account.test.ts',
  },
  {
    grant: /^ec2:CreateTags on /,
    of: ['launch'],
    reason: 'RunInstances asks for it where a launch has tags; nobody calls it by itself',
  },
  {
    grant: /^dynamodb:GetItem on .*MainTable/,
    of: ['onInstanceChanged'],
    reason: 'a record that somebody else wrote in between is read again (test/app/cloud/record-notification.test.ts)',
    sometimes: true,
  },
  {
    grant: /^dynamodb:DeleteItem on .*MainTable/,
    of: ['sweepRegion'],
    reason: 'facts and leases go a day after their instance has ended (test/app/cloud/sweep-region.test.ts)',
  },
  {
    grant: /^sqs:SendMessage\*? on .*-verify$/,
    of: ['sweepRegion', 'checkin', 'verify'],
    reason:
      'a doubt is asked about, again where EC2 answers with what was (test/app/cloud/sweep-region.test.ts, test/app/agent/check-in.test.ts, test/app/cloud/verify-instances.test.ts)',
    sometimes: true,
  },
  {
    grant: /^sqs:ChangeMessageVisibility on .*-launch$/,
    of: ['launch'],
    reason: 'an attempt that EC2 throttled comes back sooner (test/functions/queue-functions.test.ts)',
    sometimes: true,
  },
  {
    grant: /^(dynamodb:UpdateItem on .*MainTable|sqs:SendMessage\*? on .*-launch$)/,
    of: ['tick'],
    reason: 'a launch whose message was lost is asked for again (test/app/handle-due.test.ts)',
    sometimes: true,
  },
  {
    grant: /^ec2:DescribeInstances on \*$/,
    of: ['launch'],
    reason: 'a launch whose answer was lost asks what its token launched (test/app/launch/run-launch.test.ts)',
    sometimes: true,
  },
];
