import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { SendMessageCommand, SQSClient, StartMessageMoveTaskCommand } from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { expect, it } from 'vitest';
import { account, plainImage, homeRegion as region, subnetId } from '#local/region/settings.ts';
import type { ClientOptions } from '#local/stack/account.ts';
import { stackName } from '#local/stack/settings.ts';
import { type DeployedStack, eventually, person } from './deployed-stack.ts';

/** What the runbook has people do with dead letters, as they do it: with the stack's role for it. */
export function redrive(stack: () => DeployedStack): void {
  it('a dead letter is handled once the role for it has sent it back', async () => {
    const instanceId = await ran(stack());
    // The emulator has no aws:PrincipalIsAWSService: root may put there what SQS would
    await send(stack().root, 'verify-dead-letters', { account, region, instanceId, attempt: 0 });
    await move(await redriver(stack()), 'verify');
    await eventually('the instance is described', async () => {
      const answer = await stack().request(`${stack().url}/v1/instances/${account}/${region}/${instanceId}`, {
        method: 'GET',
      });
      return answer.ok && ((await answer.json()) as { facts: object | null }).facts ? true : undefined;
    });
  });

  it('nobody else sends a dead letter back, whatever they may do with queues', async () => {
    const administrator = await person(stack().root, 'move-administrator', 'sqs:*');
    await expect(move(administrator, 'verify')).rejects.toMatchObject({ name: expect.stringMatching(/^AccessDenied/) });
  });
}

const arnOf = (name: string): string => `arn:aws:sqs:${region}:${account}:${stackName}-${name}`;

async function move(as: object, queue: string): Promise<void> {
  const sqs = new SQSClient({ ...as, maxAttempts: 1 });
  const task = { SourceArn: arnOf(`${queue}-dead-letters`), DestinationArn: arnOf(queue) };
  try {
    expect(await sqs.send(new StartMessageMoveTaskCommand(task))).toHaveProperty('TaskHandle');
  } finally {
    sqs.destroy();
  }
}

async function send(as: ClientOptions, queue: string, body: object): Promise<void> {
  const sqs = new SQSClient(as);
  const QueueUrl = `${as.endpoint}/${account}/${stackName}-${queue}`;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(body) }));
  sqs.destroy();
}

/** Whoever the account's administrator lets take the role. */
async function redriver({ root, outputs }: DeployedStack) {
  const sts = new STSClient(await person(root, 'redriver', 'sts:AssumeRole'));
  const role = { RoleArn: String(outputs.RedriveRoleArn), RoleSessionName: 'redriver' };
  const { Credentials } = await sts.send(new AssumeRoleCommand(role));
  sts.destroy();
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {};
  return {
    ...root,
    credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
  };
}

async function ran({ root, cloud }: DeployedStack): Promise<string> {
  const ec2 = new EC2Client({ ...root, endpoint: cloud.ec2Url });
  const request = { ImageId: plainImage, InstanceType: 't4g.small' as const, SubnetId: subnetId };
  const { Instances = [] } = await ec2.send(new RunInstancesCommand({ ...request, MinCount: 1, MaxCount: 1 }));
  ec2.destroy();
  return Instances[0]?.InstanceId ?? '';
}
