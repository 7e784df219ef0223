import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, expect, it } from 'vitest';
import type { ClientOptions } from '#local/stack/account.ts';
import { stackName } from '#local/stack/settings.ts';
import { type DeployedStack, person } from './deployed-stack.ts';

const queues = ['instance-events', 'verify', 'sweep', 'launch'];

/** Who may write what a function believes: not even whoever may do anything with any queue. */
export function queueGuards(stack: () => DeployedStack): void {
  let administrator: ClientOptions;
  beforeAll(async () => {
    administrator = await person(stack().root, 'queue-administrator', 'sqs:*');
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
