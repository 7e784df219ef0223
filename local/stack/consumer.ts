import { setTimeout as wait } from 'node:timers/promises';
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { ClientOptions } from './account.ts';

const queueName = 'consumer';
const patienceSeconds = 5;
const askAgainAfterMs = 1000;

/** Somebody who listens to Muster's bus by a queue of their own. */
export async function startConsumer(
  root: ClientOptions,
  bus: string,
  hear: (body: string) => void,
  report: (error: unknown) => void,
): Promise<{ stop(): Promise<void> }> {
  const sqs = new SQSClient(root);
  const QueueUrl = await subscribe(sqs, root, bus);
  const stopped = new AbortController();
  const listening = listen(sqs, QueueUrl, stopped.signal, hear, report);
  return {
    async stop() {
      stopped.abort();
      await listening;
      sqs.destroy();
    },
  };
}

/** A queue, and a rule that sends it everything. */
async function subscribe(sqs: SQSClient, root: ClientOptions, EventBusName: string): Promise<string> {
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: queueName }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  const Arn = Attributes?.QueueArn;
  const events = new EventBridgeClient(root);
  const rule = new PutRuleCommand({ Name: queueName, EventBusName, EventPattern: '{"source":["muster"]}' });
  const { RuleArn } = await events.send(rule);
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy: admits(Arn, RuleArn) } }));
  await events.send(new PutTargetsCommand({ Rule: queueName, EventBusName, Targets: [{ Id: queueName, Arn }] }));
  events.destroy();
  return QueueUrl;
}

/** A queue takes nothing from a rule that its policy does not name. */
const admits = (Resource: string | undefined, rule: string | undefined): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource,
        Condition: { ArnEquals: { 'aws:SourceArn': rule } },
      },
    ],
  });

async function listen(
  sqs: SQSClient,
  QueueUrl: string,
  stopped: AbortSignal,
  hear: (body: string) => void,
  report: (error: unknown) => void,
): Promise<void> {
  const ask = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: patienceSeconds });
  while (!stopped.aborted) {
    try {
      const { Messages = [] } = await sqs.send(ask, { abortSignal: stopped });
      for (const { Body = '', ReceiptHandle } of Messages) {
        hear(Body);
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    } catch (error) {
      if (stopped.aborted) return;
      report(error);
      await wait(askAgainAfterMs);
    }
  }
}
