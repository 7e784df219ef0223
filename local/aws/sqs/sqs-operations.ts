import * as z from 'zod/mini';
import { AwsError } from '../error.ts';
import type { Queue } from './queue.ts';
import type { Queues } from './queues.ts';
import { type MessageAttribute, md5, type ReceivedMessage, systemAttributes } from './sqs-message.ts';

/** The account in queue URLs, whoever asks: the stand-in has one set of queues. */
const urlAccount = '000000000000';
const mostAtOnce = 10;

const attributes = z.optional(z.record(z.string(), z.object({ DataType: z.string(), StringValue: z.string() })));
const message = { MessageBody: z.string(), DelaySeconds: z.optional(z.number()), MessageAttributes: attributes };
const onQueue = { QueueUrl: z.string() };
const receipt = { ReceiptHandle: z.string() };

const inputs = {
  SendMessage: z.object({ ...onQueue, ...message }),
  SendMessageBatch: z.object({ ...onQueue, Entries: z.array(z.object({ Id: z.string(), ...message })) }),
  ReceiveMessage: z.object({
    ...onQueue,
    MaxNumberOfMessages: z.optional(z.number()),
    VisibilityTimeout: z.optional(z.number()),
  }),
  DeleteMessage: z.object({ ...onQueue, ...receipt }),
  ChangeMessageVisibility: z.object({ ...onQueue, ...receipt, VisibilityTimeout: z.number() }),
  GetQueueUrl: z.object({ QueueName: z.string() }),
  GetQueueAttributes: z.object({ ...onQueue, AttributeNames: z.optional(z.array(z.string())) }),
};

type Message = {
  MessageBody: string;
  DelaySeconds?: number | undefined;
  MessageAttributes?: z.infer<typeof attributes>;
};

export function queueUrl(baseUrl: string, name: string): string {
  return `${baseUrl}/${urlAccount}/${name}`;
}

/**
 * One SQS operation in its JSON form (AWSSimpleQueueService/latest/APIReference), as far as Muster and its tests use it.
 * ReceiveMessage answers at once, whatever WaitTimeSeconds says. Throws AwsError.
 */
export function sqsOperation(queues: Queues, baseUrl: string, operation: string, input: unknown): object {
  const at = ({ QueueUrl }: { QueueUrl: string }) => queues.queue(QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1));
  switch (operation) {
    case 'SendMessage': {
      const request = read(inputs.SendMessage, input);
      return send(at(request), request);
    }
    case 'SendMessageBatch': {
      const request = read(inputs.SendMessageBatch, input);
      return sendBatch(at(request), request.Entries);
    }
    case 'ReceiveMessage': {
      const request = read(inputs.ReceiveMessage, input);
      return receive(at(request), request.MaxNumberOfMessages ?? 1, request.VisibilityTimeout);
    }
    case 'DeleteMessage': {
      const request = read(inputs.DeleteMessage, input);
      at(request).delete(request.ReceiptHandle);
      return {};
    }
    case 'ChangeMessageVisibility': {
      const request = read(inputs.ChangeMessageVisibility, input);
      at(request).changeVisibility(request.ReceiptHandle, request.VisibilityTimeout);
      return {};
    }
    case 'GetQueueUrl':
      return { QueueUrl: queueUrl(baseUrl, queues.queue(read(inputs.GetQueueUrl, input).QueueName).name) };
    case 'GetQueueAttributes': {
      const request = read(inputs.GetQueueAttributes, input);
      return { Attributes: queueAttributes(at(request), request.AttributeNames ?? []) };
    }
    default:
      throw new AwsError('UnsupportedOperation', `The local queues have no operation ${operation}.`);
  }
}

function read<S extends z.ZodMiniType>(schema: S, input: unknown): z.infer<S> {
  const result = z.safeParse(schema, input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AwsError('InvalidParameterValue', `${issue?.path.join('.')}: ${issue?.message}`);
}

function send(queue: Queue, { MessageBody, DelaySeconds = 0, MessageAttributes = {} }: Message): object {
  const attributes: Record<string, MessageAttribute> = {};
  for (const [name, { DataType, StringValue }] of Object.entries(MessageAttributes)) {
    attributes[name] = { dataType: DataType, stringValue: StringValue };
  }
  const { messageId, md5OfBody } = queue.send(MessageBody, { delaySeconds: DelaySeconds, attributes });
  return { MessageId: messageId, MD5OfMessageBody: md5OfBody };
}

function sendBatch(queue: Queue, entries: readonly (Message & { Id: string })[]): object {
  if (entries.length === 0)
    throw new AwsError('EmptyBatchRequest', 'There should be at least one entry in the request.');
  if (entries.length > mostAtOnce) {
    throw new AwsError('TooManyEntriesInBatchRequest', `Maximum number of entries per request are ${mostAtOnce}.`);
  }
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
    throw new AwsError('BatchEntryIdsNotDistinct', 'Two or more batch entries in the request have the same Id.');
  }
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...send(queue, entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  }
  return { Successful, Failed };
}

function receive(queue: Queue, limit: number, visibilitySeconds: number | undefined): object {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= mostAtOnce)) {
    throw new AwsError('InvalidParameterValue', `MaxNumberOfMessages must be between 1 and ${mostAtOnce}.`);
  }
  return { Messages: queue.receive(limit, visibilitySeconds).map(received) };
}

function received(message: ReceivedMessage): object {
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receipt,
    Body: message.body,
    MD5OfBody: md5(message.body),
    Attributes: systemAttributes(message, urlAccount),
    MessageAttributes: Object.fromEntries(
      Object.entries(message.attributes).map(([name, { dataType, stringValue }]) => {
        return [name, { DataType: dataType, StringValue: stringValue }];
      }),
    ),
  };
}

function queueAttributes(queue: Queue, names: readonly string[]): Record<string, string> {
  const { visible, inFlight, delayed } = queue.counts();
  const all: Record<string, string> = {
    QueueArn: queue.arn,
    VisibilityTimeout: String(queue.visibilitySeconds),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    ...(queue.redrive && {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: queue.redrive.deadLetterQueue.arn,
        maxReceiveCount: queue.redrive.maxReceiveCount,
      }),
    }),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes('All') || names.includes(name)));
}
