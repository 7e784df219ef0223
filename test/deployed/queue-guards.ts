import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, expect, it } from 'vitest';
import type { ClientOptions } from '#local/stack/account.ts';
import { stackName } from '#local/stack/settings.ts';
import type { DeployedStack } from './deployed-stack.ts';

const queues = ['instance-events', 'verify', 'sweep', 'launch'];

/** Who may write what a function believes: not even whoever may do anything with any queue. */
export function queueGuards(stack: () => DeployedStack): void {
  let administrator: ClientOptions;
  beforeAll(async () => {
    administrator = await queueAdministrator(stack().root);
  });

  it.each(queues)('%s refuses a message from an administrator of queues', async (name) => {
    const sqs = new SQSClient(administrator);
    const send = (QueueUrl: string) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{}' }));
    await expect(send(urlOf(stack(), `${stackName}-${name}`))).rejects.toMatchObject({
      name: expect.stringMatching(/^AccessDenied/),
    });
    // It is the queue's own policy that refuses: another queue takes it
    expect(await send(urlOf(stack(), 'consumer'))).toHaveProperty('MessageId');
    sqs.destroy();
  });
}

const urlOf = ({ endpoint }: DeployedStack, name: string): string => `${endpoint}/111122223333/${name}`;

async function queueAdministrator(root: ClientOptions): Promise<ClientOptions> {
  const iam = new IAMClient(root);
  const UserName = 'queue-administrator';
  await iam.send(new CreateUserCommand({ UserName }));
  const Statement = [{ Effect: 'Allow', Action: 'sqs:*', Resource: '*' }];
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'queues', PolicyDocument }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  iam.destroy();
  const { AccessKeyId = '', SecretAccessKey = '' } = AccessKey ?? {};
  return { ...root, credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } };
}
