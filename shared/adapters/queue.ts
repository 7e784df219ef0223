import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Outbox } from '#shared/app/ports.ts';

let client: SQSClient | undefined;

/** SQS takes ten messages in one request (SQSDeveloperGuide/quotas-messages.html). */
const perRequest = 10;

/** A queue of Muster's own. Messages carry ids, never a request; those that SQS did not take make it throw. */
export function openQueue<Message>(queueUrl: string): Outbox<Message> {
  return {
    async send(messages, delaySeconds = 0) {
      client ??= new SQSClient({});
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
