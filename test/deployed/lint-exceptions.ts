import { functionNames, logicalId } from '../stack/packaged-stack.ts';

/** A finding that stays, and why. `where` is what the linter names: cfn-lint a path, checkov a resource. */
export interface Exception {
  id: string;
  where: readonly string[];
  reason: string;
}

const ofFunctions = (suffix: string, names: readonly string[] = functionNames) =>
  names.map((name) => logicalId(name) + suffix);
const logGroups = [...ofFunctions('LogGroup'), 'HttpApiLogGroup'];
const queues = ['InstanceEvents', 'Verify', 'Sweep', 'Launch']
  .flatMap((name) => [`${name}Queue`, `${name}DeadLetters`])
  .concat('MissedSchedules');
const apiFunctions = ['enroll', 'checkin', 'operatorApi', 'operatorChange', 'operatorEc2'];
const routes = [
  ...['PostV1Enroll', 'PostV1Checkin', 'PostV1ServersIdVarTerminate'],
  ...['GetV1ProxyVar', 'PostV1ProxyVar', 'DeleteV1ProxyVar'],
];

export const cfnLintExceptions: readonly Exception[] = [
  {
    id: 'W3005',
    where: [
      ...ofFunctions('LambdaFunction/DependsOn/1'),
      'HttpApiStage/DependsOn/0',
      ...routes.map((route) => `HttpApiRoute${route}/DependsOn`),
    ],
    reason: 'osls says in DependsOn what a reference says already. It changes no order.',
  },
  {
    id: 'W8003',
    where: ['Conditions/IsReal'],
    reason:
      'Meant so: a stack is real or a rehearsal from the moment it is packaged, and no parameter turns one into the other.',
  },
  {
    id: 'I1022',
    where: [
      ...[0, 1].map(
        (index) =>
          `ServerlessDeploymentBucketPolicy/Properties/PolicyDocument/Statement/0/Resource/${index}/Fn::Join/0`,
      ),
      ...ofFunctions('LambdaPermissionHttpApi/Properties/SourceArn/Fn::Join/0', apiFunctions),
      'Outputs/HttpApiUrl/Value/Fn::Join/0',
    ],
    reason: 'osls writes Fn::Join where we would write Fn::Sub. The value is the same.',
  },
  {
    id: 'I3011',
    where: [...queues, ...logGroups],
    reason:
      'They go with the stack on purpose. Their names are fixed, so that one left behind would stop the next deployment; a message to a stack that is gone is worth nothing; and who did what is in the tables, which stay.',
  },
];

export const checkovExceptions: readonly Exception[] = [
  {
    id: 'CKV_AWS_18',
    where: ['ServerlessDeploymentBucket', 'FailedRecordsBucket'],
    reason:
      'Access logs need a third bucket, which then lacks them too. Nothing of the public reaches either bucket, and who asked for what is CloudTrail’s to say, where an account has it record data events.',
  },
  {
    id: 'CKV_AWS_21',
    where: ['ServerlessDeploymentBucket'],
    reason:
      'Every deployment writes under a time of its own and overwrites nothing; osls keeps the last five and deletes older ones, which versions would keep, and bill, for good.',
  },
  {
    id: 'CKV_AWS_27',
    where: [...queues, 'UndeliveredEvents'],
    reason:
      'They are encrypted, with keys of SQS (SqsManagedSseEnabled, which test/stack asserts); this check knows KMS alone. With KMS, EventBridge may send only by a key of our own whose policy lets it in, a dollar a month and one more thing that loses events when it is disabled.',
  },
  {
    id: 'CKV_AWS_115',
    where: ofFunctions(
      'LambdaFunction',
      functionNames.filter((name) => name !== 'enroll' && name !== 'checkin'),
    ),
    reason:
      'The two functions that strangers can call have it. What a queue feeds is limited by its mapping’s MaximumConcurrency, the stream’s reader by its shards, tick and sweep by their schedules, the operator’s API by its throttle and by signatures that are checked before it is invoked. To reserve more takes from the rest of the account and limits no more.',
  },
  {
    id: 'CKV_AWS_116',
    where: ofFunctions('LambdaFunction'),
    reason:
      'Lambda uses a function’s own dead letters for asynchronous invocations alone. Messages have their queue’s dead letters, stream records the bucket of failed records, requests an answer. Of the schedules nothing is lost: their event says nothing, the next run reads the same records, and alarms tell of failure and of silence.',
  },
  {
    id: 'CKV_AWS_117',
    where: ofFunctions('LambdaFunction'),
    reason:
      'They call AWS’s own endpoints and nothing inside a network. In a VPC they would need a NAT gateway, or endpoints for four services in every zone, paid by the hour, and gain no protection: who may call what is for IAM to say.',
  },
  {
    id: 'CKV_AWS_119',
    where: ['MainTable', 'PrivateTable'],
    reason:
      'They are encrypted with the account’s KMS key for DynamoDB, whose use CloudTrail shows. A key of our own would be a second lock for those with wide permissions on tables; it would also be one more thing whose deletion destroys the record of a fleet, and the tables outlive the stack that would own it.',
  },
  {
    id: 'CKV_AWS_158',
    where: logGroups,
    reason:
      'CloudWatch Logs encrypts everything with keys of its own. No secret is logged (test/stack asserts the access log’s fields), so that a key of our own, a dollar a month, would protect nothing more, and its loss would blind whoever looks for why.',
  },
  {
    id: 'CKV_AWS_173',
    where: ofFunctions('LambdaFunction'),
    reason:
      'Lambda encrypts variables with a key of its own. These hold names, URLs, numbers and public keys; a key of our own would cost a permission and a call at every cold start and hide nothing.',
  },
];
