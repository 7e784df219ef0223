import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackResourceCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { DeleteTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { EventBridgeClient, ListTargetsByRuleCommand } from '@aws-sdk/client-eventbridge';
import {
  CreatePolicyCommand,
  DetachUserPolicyCommand,
  IAMClient,
  ListEntitiesForPolicyCommand,
} from '@aws-sdk/client-iam';
import { GetAccountSettingsCommand, GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { stackName, timing } from '#local/stack/settings.ts';
import { type Clone, newTiming } from './clone.ts';
import { eventually } from './deployed-stack.ts';
import { awsCli, listed, runs, type Step } from './steps.ts';

const account = '111122223333';
const agentImage = 'ami-0a6e47a6e47a6e47a';

/** docs/deploy.md, from its first command to the rollback. */
export const deploySteps = (clone: () => Clone): Step[] => [
  listed('npm ci', 'it asks the registry; node_modules is here already'),
  awsCli('aws sts get-caller-identity'),
  awsCli(
    'aws iam create-policy --policy-name deploy-muster --policy-document file://infra/deployer-policy.json',
    async () => {
      const PolicyDocument = readFileSync(join(clone().folder, 'infra/deployer-policy.json'), 'utf8');
      const create = new CreatePolicyCommand({ PolicyName: 'deploy-muster', PolicyDocument });
      const { Policy } = await new IAMClient(clone().stack.root).send(create);
      expect(Policy?.Arn).toBe(`arn:aws:iam::${account}:policy/deploy-muster`);
    },
  ),
  listed(
    'aws iam attach-user-policy --user-name <deployer> --policy-arn arn:aws:iam::<account>:policy/deploy-muster',
    'the deployer has that document already (local/stack/people.ts)',
  ),
  listed('export MUSTER_STAGE=prod', 'of the stages an emulator takes `rehearsal` alone'),
  awsCli('aws lambda get-account-settings --region us-east-1 --query AccountLimit.ConcurrentExecutions', async () => {
    const { AccountLimit } = await new LambdaClient(clone().deployer()).send(new GetAccountSettingsCommand());
    expect(AccountLimit?.ConcurrentExecutions).toBeGreaterThan(0);
  }),
  runs('npx serverless deploy', async (printed) => {
    const { outputs } = clone().stack;
    expect(printed).toContain(`✔ Service deployed to stack ${stackName}`);
    expect(printed).toContain(`\nendpoints:\n  POST - ${outputs.HttpApiUrl}/v1/enroll\n`);
    // It went over a deployment that runs, as an upgrade does
    expect(await deployedTiming(clone())).toEqual(newTiming);
  }),
  runs('npx serverless info --verbose', (printed) => {
    const page = readFileSync(join(clone().folder, 'docs/deploy.md'), 'utf8');
    const [, table = ''] = /^\| Output [^\n]*\n([\s\S]*?)\n\n/m.exec(page) ?? [];
    const explained = [...table.matchAll(/`([A-Z]\w+)`(?=.*?\|.*\|)/g)].map(([, name]) => name);
    expect(explained.sort()).toEqual(Object.keys(clone().stack.outputs).sort());
    for (const [name, value] of Object.entries(clone().stack.outputs))
      expect(printed).toContain(`\n  ${name}: ${value}\n`);
  }),
  runs(
    "export MUSTER_URL=$(npx serverless info --verbose | sed -n 's/^ *HttpApiUrl: //p')",
    (printed) => expect(printed).toBe(`${clone().stack.outputs.HttpApiUrl}\n`),
    { afterwards: 'printenv MUSTER_URL' },
  ),
  listed(
    'aws iam attach-group-policy --group-name <operators> --policy-arn <OperatorPolicyArn>',
    'users have it already, the deployer among them (local/stack/people.ts)',
  ),
  listed(
    'aws iam attach-group-policy --group-name <auditors> --policy-arn <ReaderPolicyArn>',
    'a user has it already (local/stack/people.ts)',
  ),
  runs('npx muster api GET /v1/instances', (printed) => expect(JSON.parse(printed).items).toEqual([])),
  runs(
    'npx esbuild agent/main.ts --bundle --platform=node --format=esm --outfile=muster-agent.mjs',
    // It starts where there is nothing but Node, asks for metadata in vain, and ends when it is told to
    (printed) => expect(printed).toMatch(/^fetch failed\nstopped\n/),
    {
      afterwards: [
        'mv muster-agent.mjs .. && cd ..',
        'export MUSTER_AGENT_FOLDER=. AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9',
        'node muster-agent.mjs > agent.log &',
        'until grep -q . agent.log; do sleep 0.1; done',
        'kill $! && wait $! && cat agent.log',
      ].join('\n'),
    },
  ),
  runs('npx muster key create --user-data web.json --uses 1', (printed) => {
    const { id, usesLeft } = JSON.parse(printed);
    expect([usesLeft, statSync(join(clone().folder, 'web.json')).mode & 0o777]).toEqual([1, 0o600]);
    clone().known.set('key_…', id);
  }),
  awsCli(
    `aws ec2 run-instances --image-id ${agentImage} --instance-type t3.micro --subnet-id subnet-0a1b2c3d4e5f60718 --metadata-options HttpTokens=required --user-data file://web.json`,
    async () => {
      clone().known.set('i-…', await runInstance(clone(), 'web.json'));
    },
  ),
  runs(
    'npx muster api GET /v1/instances',
    (printed) => {
      expect(JSON.parse(printed).items).toMatchObject([
        {
          instanceId: clone().known.get('i-…'),
          ...{ management: 'enrolled', managementReason: 'enrollment_key', serverId: expect.stringMatching(/^srv_/) },
        },
      ]);
    },
    { patient: true },
  ),
  runs(
    `cat > server.json <<'END'
{
  "name": "web-1",
  "account": "${account}",
  "region": "us-east-1",
  "request": {
    "imageId": "${agentImage}",
    "instanceType": "t3.micro",
    "subnetId": "subnet-0a1b2c3d4e5f60718",
    "securityGroupIds": ["sg-0a1b2c3d4e5f60718"]
  }
}
END`,
    (printed) => expect(printed).toBe(''),
  ),
  runs('npx muster api POST /v1/servers --data server.json', (printed) => {
    const { id, state } = JSON.parse(printed);
    expect(state).toBe('inactive');
    clone().known.set('srv_…', id);
  }),
  runs('npx muster api POST /v1/servers/srv_…/launch', (printed) =>
    expect(JSON.parse(printed).launch).toMatchObject({ state: 'requested' }),
  ),
  runs('npx muster api GET /v1/servers/srv_…', (printed) => expect(JSON.parse(printed).state).toBe('operational'), {
    patient: true,
  }),
  runs('npx muster api POST /v1/servers/srv_…/terminate', async (printed) => {
    const { instance } = JSON.parse(printed);
    const ended = () => clone().stack.cloud.ec2.instance(instance)?.history.at(-1)?.state === 'shutting-down';
    await eventually('the server’s instance ends', () => ended() || undefined);
  }),
  runs('npx serverless invoke -f tick', (printed) => expect(JSON.parse(printed)).toMatchObject({ failed: 0 })),
  runs('npx serverless logs -f enroll', (printed) => expect(printed).toContain('"decision":"enrolled"')),
  runs('npx muster api GET /v1/instances/111122223333/us-east-1/i-…', (printed) =>
    expect(JSON.parse(printed)).toMatchObject({ state: 'running', refusedAttempt: null }),
  ),
  runs('npx muster api GET /v1/instances/111122223333/us-east-1/i-…/history', (printed) =>
    expect(JSON.parse(printed).items).toContainEqual(expect.objectContaining({ detailType: 'Instance Enrolled' })),
  ),
  awsCli(
    'aws cloudformation deploy --region us-west-2 --stack-name muster-prod-events --template-file infra/other-region.yml --capabilities CAPABILITY_IAM --parameter-overrides MusterBusArn=arn:aws:events:us-east-1:111122223333:event-bus/default',
    () => forwardEvents(clone()),
  ),
  runs("npx serverless info --verbose | sed -n 's/^ *MemberParameters: //p'", (printed) =>
    expect(printed).toBe(`${clone().stack.outputs.MemberParameters}\n`),
  ),
  awsCli(
    'aws cloudformation deploy --region us-east-1 --stack-name muster-prod-member --template-file infra/member-account.yml --capabilities CAPABILITY_NAMED_IAM --parameter-overrides <what was printed>',
  ),
  listed('git pull && npm ci && npx serverless deploy', 'it asks the registry; the deployment above went over another'),
  runs('npx serverless deploy list', (printed) => {
    const timestamps = [...printed.matchAll(/^Timestamp: (\d+)$/gm)].map(([, timestamp = '']) => timestamp);
    expect(timestamps).toHaveLength(2);
    clone().known.set('<timestamp>', String(timestamps[0]));
  }),
  runs('npx serverless rollback --timestamp <timestamp>', async (printed) => {
    expect(printed).toContain('✔ Service rolled back');
    expect(await deployedTiming(clone())).toEqual(timing);
  }),
];

/** The rest of docs/deploy.md. */
export const removalSteps = (clone: () => Clone): Step[] => [
  awsCli('aws iam list-entities-for-policy --policy-arn <OperatorPolicyArn>', async () => {
    expect(await usersWith(clone(), 'OperatorPolicyArn')).toEqual(['deployer', 'operator']);
  }),
  awsCli('aws iam list-entities-for-policy --policy-arn <ReaderPolicyArn>', async () => {
    expect(await usersWith(clone(), 'ReaderPolicyArn')).toEqual(['reader']);
  }),
  awsCli('aws iam detach-group-policy --group-name <operators> --policy-arn <OperatorPolicyArn>'),
  awsCli('aws iam detach-group-policy --group-name <auditors> --policy-arn <ReaderPolicyArn>'),
  awsCli(
    'aws iam detach-user-policy --user-name <user> --policy-arn <OperatorPolicyArn or ReaderPolicyArn>',
    async () => {
      const PolicyArn = String(clone().stack.outputs.OperatorPolicyArn);
      const iam = new IAMClient(clone().stack.root);
      for (const UserName of ['deployer', 'operator'])
        await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }));
      const ReaderArn = String(clone().stack.outputs.ReaderPolicyArn);
      await iam.send(new DetachUserPolicyCommand({ UserName: 'reader', PolicyArn: ReaderArn }));
      await expect(clone().shell('npx muster api GET /v1/servers')).rejects.toThrow('need execute-api:Invoke');
    },
  ),
  awsCli('aws cloudformation delete-stack --region us-west-2 --stack-name muster-prod-events', async () => {
    await new CloudFormationClient(clone().deployer('us-west-2')).send(
      new DeleteStackCommand({ StackName: eventsStack }),
    );
  }),
  runs('npx serverless remove', async (printed) => {
    const { outputs } = clone().stack;
    const kept = [outputs.MainTableName, outputs.PrivateTableName, outputs.FailedRecordsBucketName];
    expect(printed).toContain(
      `Kept, with the record of your fleet in them:\n${kept.map((name) => `  ${name}\n`).join('')}`,
    );
    const ask = new CloudFormationClient(clone().deployer()).send(new DescribeStacksCommand({ StackName: stackName }));
    await expect(ask).rejects.toThrow('does not exist');
  }),
  awsCli('aws dynamodb update-table --table-name <table> --no-deletion-protection-enabled', async () => {
    const dynamo = new DynamoDBClient(clone().stack.root);
    for (const TableName of tablesOf(clone()))
      await dynamo.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: false }));
  }),
  awsCli('aws dynamodb delete-table --table-name <table>', async () => {
    const asDeployer = new DynamoDBClient(clone().deployer());
    for (const TableName of tablesOf(clone())) {
      const command = new DeleteTableCommand({ TableName });
      await expect(asDeployer.send(command)).rejects.toThrow('not authorized to perform: dynamodb:DeleteTable');
      await new DynamoDBClient(clone().stack.root).send(command);
    }
  }),
  awsCli('aws s3 rb s3://<bucket>', async () => {
    const Bucket = clone().stack.outputs.FailedRecordsBucketName;
    await new S3Client(clone().stack.root).send(new DeleteBucketCommand({ Bucket }));
  }),
  listed('npm run stack', 'the stack of this test is started by the same startStack'),
  listed('. .muster/stack.env', 'npm run stack writes it; this test has the same variables in its shell'),
];

async function usersWith({ stack }: Clone, policy: 'OperatorPolicyArn' | 'ReaderPolicyArn') {
  const ask = new ListEntitiesForPolicyCommand({ PolicyArn: String(stack.outputs[policy]) });
  const { PolicyUsers = [] } = await new IAMClient(stack.root).send(ask);
  return PolicyUsers.map(({ UserName }) => UserName);
}

const eventsStack = 'muster-prod-events';

const tablesOf = ({ stack: { outputs } }: Clone): (string | undefined)[] => [
  outputs.MainTableName,
  outputs.PrivateTableName,
];

/** What the function that answers check-ins was last deployed with. */
async function deployedTiming({ stack }: Clone): Promise<unknown> {
  const ask = new GetFunctionConfigurationCommand({ FunctionName: `${stackName}-checkin` });
  const { Environment } = await new LambdaClient(stack.root).send(ask);
  return JSON.parse(String(Environment?.Variables?.TIMING));
}

/** What `aws ec2 run-instances` does: a machine with an agent in it. */
async function runInstance({ stack, folder }: Clone, userData: string): Promise<string> {
  const credentials = { accessKeyId: account, secretAccessKey: 'any' };
  const ec2 = new EC2Client({ ...stack.root, endpoint: stack.cloud.ec2Url, credentials });
  const request = {
    ...{ ImageId: agentImage, InstanceType: 't3.micro' as const, SubnetId: 'subnet-0a1b2c3d4e5f60718' },
    ...{ MinCount: 1, MaxCount: 1, MetadataOptions: { HttpTokens: 'required' as const } },
    UserData: readFileSync(join(folder, userData)).toString('base64'),
  };
  const { Instances = [] } = await ec2.send(new RunInstancesCommand(request));
  return String(Instances[0]?.InstanceId);
}

/** What `aws cloudformation deploy` does: the template is taken, and its rule is one that sends EC2's events to Muster's Region. */
async function forwardEvents({ stack, deployer, folder }: Clone): Promise<void> {
  const at = deployer('us-west-2');
  const bus = `arn:aws:events:us-east-1:${account}:event-bus/default`;
  const formation = new CloudFormationClient(at);
  await formation.send(
    new CreateStackCommand({
      StackName: eventsStack,
      TemplateBody: readFileSync(join(folder, 'infra/other-region.yml'), 'utf8'),
      Capabilities: ['CAPABILITY_IAM'],
      Parameters: [{ ParameterKey: 'MusterBusArn', ParameterValue: bus }],
    }),
  );
  const resource = new DescribeStackResourceCommand({
    StackName: eventsStack,
    LogicalResourceId: 'InstanceEventsRule',
  });
  const rule = await eventually('the rule is made', async () => {
    const { StackResourceDetail } = await formation.send(resource);
    return StackResourceDetail?.PhysicalResourceId;
  });
  const { Targets } = await new EventBridgeClient({ ...stack.root, region: at.region }).send(
    new ListTargetsByRuleCommand({ Rule: rule }),
  );
  expect(Targets).toMatchObject([{ Arn: bus }]);
}
