import { ChangeMessageVisibilityCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Outbox } from '#shared/app/ports.ts';
import { readCallLimits } from '#shared/config.ts';

let client: SQSClient | undefined;

/** SQS takes ten messages in one request (SQSDeveloperGuide/quotas-messages.html). */
const perRequest = 10;

/** A queue of Muster's own. Messages carry ids, never a request; those that SQS did not take make it throw. */
export function openQueue<Message>(queueUrl: string): Outbox<Message> {
  return {
    async send(messages, delaySeconds = 0) {
      client ??= new SQSClient({ requestHandler: readCallLimits() });
      for (let start = 0; start < messages.length; start += perRequest) {
        const entries = messages.slice(start, start + perRequest).map((message, index) => ({
          Id: String(index),
          MessageBody: JSON.stringify(message),
          DelaySeconds: delaySeconds,
        }));
        const { Failed } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
        if (Failed?.length)
          throw new Error(`SQS did not take ${Failed.length} of ${entries.length} messages: ${Failed[0]?.Code}`);
      }
    },
  };
}

/** Doubling from two seconds to a minute, with full jitter: a throttled launch must not wait for the queue's own timeout. */
const shortestSeconds = 2;
const longestSeconds = 60;

/** How long a message that failed stays away, in seconds, after so many receptions. */
export function secondsAway(receptions: number, random: () => number): number {
  const ceiling = Math.min(longestSeconds, shortestSeconds * 2 ** receptions);
  return shortestSeconds + Math.floor(random() * ceiling);
}

/** Lets a message that failed come back after a while that grows with its receptions. */
export async function giveBack(
  queueUrl: string,
  message: { receiptHandle: string; attributes: { ApproximateReceiveCount: string } },
  random: () => number,
): Promise<void> {
  client ??= new SQSClient({ requestHandler: readCallLimits() });
  const VisibilityTimeout = secondsAway(Number(message.attributes.ApproximateReceiveCount), random);
  await client.send(
    new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle: message.receiptHandle, VisibilityTimeout }),
  );
}
