import { createHash } from 'node:crypto';
import type { SQSBatchResponse, SQSEvent, SQSMessageAttributes, SQSRecord } from 'aws-lambda';

/** A message attribute that holds text: `dataType` is String or Number, or one of these with a custom suffix. */
export interface MessageAttribute {
  dataType: string;
  stringValue: string;
}

/** One copy of a message, as a queue keeps it. Times are milliseconds since 1970. */
export interface StoredMessage {
  /** This copy. A message that was delivered twice is two copies with one `messageId`. */
  readonly key: string;
  readonly messageId: string;
  readonly queue: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly sentAt: number;
  readonly visibleAt: number;
  readonly receives: number;
  readonly firstReceivedAt: number | null;
  /** The handle of the latest receive; null until the first. */
  readonly receipt: string | null;
  /** The queue that gave the message up, on a dead-letter queue. */
  readonly deadLetterSource: string | null;
}

/** A message in a consumer's hands. */
export interface ReceivedMessage extends StoredMessage {
  readonly receipt: string;
  readonly firstReceivedAt: number;
}

export function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** SQS's own attributes of a received message, all text: API_ReceiveMessage.html, MessageSystemAttributeNames. */
export function systemAttributes(message: ReceivedMessage, account: string): SQSRecord['attributes'] {
  return {
    ApproximateReceiveCount: String(message.receives),
    SentTimestamp: String(message.sentAt),
    SenderId: account,
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    ...(message.deadLetterSource === null ? {} : { DeadLetterQueueSourceArn: message.deadLetterSource }),
  };
}

/** The event that Lambda's event source mapping hands to a function: lambda/latest/dg/with-sqs.html. */
export function sqsEvent(messages: readonly ReceivedMessage[], queueArn: string): SQSEvent {
  const [, , , awsRegion = '', account = ''] = queueArn.split(':');
  return {
    Records: messages.map((message) => ({
      messageId: message.messageId,
      receiptHandle: message.receipt,
      body: message.body,
      attributes: systemAttributes(message, account),
      messageAttributes: lambdaAttributes(message.attributes),
      md5OfBody: md5(message.body),
      eventSource: 'aws:sqs',
      eventSourceARN: queueArn,
      awsRegion,
    })),
  };
}

function lambdaAttributes(attributes: StoredMessage['attributes']): SQSMessageAttributes {
  const shaped: SQSMessageAttributes = {};
  for (const [name, { dataType, stringValue }] of Object.entries(attributes)) {
    shaped[name] = { dataType, stringValue, stringListValues: [], binaryListValues: [] };
  }
  return shaped;
}

/**
 * Which messages of a batch a function's answer gives back. No list, or an empty one, is success; an item without a
 * message id of this batch fails the whole batch: lambda/latest/dg/services-sqs-errorhandling.html.
 */
export function failedMessageIds(answer: SQSBatchResponse | undefined, batch: readonly string[]): ReadonlySet<string> {
  const failed = (answer?.batchItemFailures ?? []).map((item) => item.itemIdentifier);
  return new Set(failed.every((id) => batch.includes(id)) ? failed : batch);
}
