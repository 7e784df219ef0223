import { request } from 'node:http';
import { EventBridgeClient, ListRulesCommand, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AwsEndpoints, startAwsEndpoints } from '#local/aws/endpoints.ts';
import { Bus } from '#local/aws/events/bus.ts';
import { Queues } from '#local/aws/sqs/queues.ts';
import { random } from '#local/random.ts';
import { VirtualClock } from '#test/fakes/virtual-clock.ts';

const clock = new VirtualClock(new Date('2026-11-02T10:00:00Z'));
const onError = (error: unknown) => {
  throw error;
};
const shared = { clock, random: random(1), account: '111122223333', region: 'us-east-1', onError };
const queues = new Queues(shared);
const deadLetterQueue = queues.create('work-dlq');
const queue = queues.create('work', { visibilitySeconds: 20, redrive: { deadLetterQueue, maxReceiveCount: 5 } });
const buses = ['default', 'muster'].map((name) => new Bus({ ...shared, name }));
const failures: unknown[] = [];

let endpoints: AwsEndpoints;
let sqs: SQSClient;
let events: EventBridgeClient;
let QueueUrl: string;

beforeAll(async () => {
  endpoints = await startAwsEndpoints({
    queues,
    buses,
    account: '111122223333',
    port: 0,
    onError: (e) => failures.push(e),
  });
  const credentials = { accessKeyId: '444455556666', secretAccessKey: 'local' };
  const config = { endpoint: endpoints.url, region: 'us-east-1', credentials, maxAttempts: 1 };
  sqs = new SQSClient(config);
  events = new EventBridgeClient(config);
  QueueUrl = endpoints.queueUrl('work');
  for (const bus of buses) bus.rule('all', {}, { queue });
});
afterAll(() => endpoints.close());
beforeEach(() => {
  for (const { receipt } of queue.receive(1000, 0)) queue.delete(receipt);
});

/** A request as a program would send it that is not the SDK. */
function raw(
  headers: Record<string, string>,
  body: string | Buffer = '{}',
): Promise<{ status: number; body: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
  const call = request(endpoints.url, { method: 'POST', headers }, (response) => {
    response.toArray().then((chunks) => {
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
    }, reject);
  });
  call.on('error', reject).end(body);
  return promise;
}

describe('SQS, through the unmodified SDK', () => {
  it('sends, receives and deletes a message, its checksum verified by the SDK', async () => {
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'greeting' } };
    const sent = await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'grüße', MessageAttributes }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: ['All'] }));
    expect(Messages).toEqual([
      expect.objectContaining({ MessageId: sent.MessageId, Body: 'grüße', MessageAttributes: MessageAttributes }),
    ]);
    expect(Messages?.[0]?.Attributes?.ApproximateReceiveCount).toBe('1');
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages?.[0]?.ReceiptHandle }));
    expect(queue.outlook()).toBeNull();
  });

  it('delays, hides and shows again', async () => {
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'later', DelaySeconds: 60 }));
    expect(queue.counts()).toEqual({ visible: 0, inFlight: 0, delayed: 1 });
    await clock.advanceBy(60_000);
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 5, MaxNumberOfMessages: 10 }),
    );
    const ReceiptHandle = Messages?.[0]?.ReceiptHandle;
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    expect(queue.counts()).toEqual({ visible: 1, inFlight: 0, delayed: 0 });
  });

  it('takes a batch, and answers each entry for itself', async () => {
    const Entries = [
      { Id: 'good', MessageBody: 'a' },
      { Id: 'bad', MessageBody: 'b', DelaySeconds: 1000 },
    ];
    const { Successful, Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    expect(Successful?.map(({ Id }) => Id)).toEqual(['good']);
    expect(Failed).toEqual([expect.objectContaining({ Id: 'bad', SenderFault: true, Code: 'InvalidParameterValue' })]);
  });

  it.each([
    ['EmptyBatchRequest', []],
    ['BatchEntryIdsNotDistinct', [1, 2].map(() => ({ Id: 'same', MessageBody: 'x' }))],
    ['TooManyEntriesInBatchRequest', Array.from({ length: 11 }, (_, n) => ({ Id: String(n), MessageBody: 'x' }))],
  ])('refuses a batch with %s', async (name, Entries) => {
    await expect(sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }))).rejects.toMatchObject({ name });
    expect(queue.outlook()).toBeNull();
  });

  it('tells where a queue is and what is in it', async () => {
    expect((await sqs.send(new GetQueueUrlCommand({ QueueName: 'work' }))).QueueUrl).toBe(QueueUrl);
    expect(QueueUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/000000000000\/work$/);
    queue.send('x');
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
    expect(Attributes).toEqual({
      QueueArn: 'arn:aws:sqs:us-east-1:111122223333:work',
      VisibilityTimeout: '20',
      ApproximateNumberOfMessages: '1',
      ApproximateNumberOfMessagesNotVisible: '0',
      ApproximateNumberOfMessagesDelayed: '0',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetterQueue.arn, maxReceiveCount: 5 }),
    });
  });

  it('gives its errors their AWS names', async () => {
    const unknown = endpoints.queueUrl('unknown');
    await expect(sqs.send(new SendMessageCommand({ QueueUrl: unknown, MessageBody: 'x' }))).rejects.toMatchObject({
      name: 'QueueDoesNotExist',
      $metadata: { httpStatusCode: 400 },
    });
    await expect(sqs.send(new CreateQueueCommand({ QueueName: 'new' }))).rejects.toMatchObject({
      name: 'UnsupportedOperation',
    });
    await expect(sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 11 }))).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
    expect(failures).toEqual([]);
  });
});

describe('EventBridge, through the unmodified SDK', () => {
  const entry = { Source: 'muster', DetailType: 'Instance Enrolled', Detail: '{"n":1}' };

  it('puts events on the bus that they name, from the caller’s account', async () => {
    const Time = new Date('2026-11-01T00:00:00Z');
    const Entries = [{ ...entry, EventBusName: 'muster', Time, Resources: ['arn:r'] }];
    const answer = await events.send(new PutEventsCommand({ Entries }));
    await clock.advanceBy(0);
    const [message] = queue.receive(10);
    expect(answer).toMatchObject({ FailedEntryCount: 0, Entries: [{ EventId: expect.any(String) }] });
    expect(JSON.parse(message?.body ?? '')).toMatchObject({
      id: answer.Entries?.[0]?.EventId,
      source: 'muster',
      account: '444455556666',
      time: '2026-11-01T00:00:00Z',
      resources: ['arn:r'],
      detail: { n: 1 },
    });
  });

  it('lets nobody speak for AWS', async () => {
    const Entries = [{ ...entry, Source: 'aws.ec2' }, entry];
    const answer = await events.send(new PutEventsCommand({ Entries }));
    expect(answer.FailedEntryCount).toBe(1);
    expect(answer.Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual(['NotAuthorizedForSource', undefined]);
  });

  it('gives its errors their AWS names', async () => {
    const put = (Entries: (typeof entry & { EventBusName?: string })[]) =>
      events.send(new PutEventsCommand({ Entries }));
    await expect(put(Array(11).fill(entry))).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(put([{ ...entry, EventBusName: 'other' }])).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    await expect(put([entry, { ...entry, EventBusName: 'muster' }])).rejects.toMatchObject({
      name: 'UnsupportedOperation',
    });
    await expect(events.send(new ListRulesCommand({}))).rejects.toMatchObject({ name: 'UnknownOperationException' });
  });
});

describe('the endpoint', () => {
  const target = { 'x-amz-target': 'AmazonSQS.GetQueueUrl' };

  it('answers only for this machine, and no web page', async () => {
    expect(await raw({ ...target, host: 'evil.example' })).toMatchObject({ status: 421 });
    expect(await raw({ ...target, origin: 'http://127.0.0.1' })).toMatchObject({ status: 403 });
    expect(await raw({ ...target, host: 'localhost' }, '{"QueueName":"work"}')).toMatchObject({ status: 200 });
  });

  it.each([
    ['no JSON', target, '{', 400, 'SerializationException'],
    ['JSON of another shape', target, '[]', 400, 'InvalidParameterValue'],
    ['an event of another shape', { 'x-amz-target': 'AWSEvents.PutEvents' }, '{}', 400, 'SerializationException'],
    ['another service', { 'x-amz-target': 'DynamoDB_20120810.GetItem' }, '{}', 404, 'UnknownOperationException'],
    ['no target', {}, '{}', 404, 'UnknownOperationException'],
  ])('refuses %s with an AWS error', async (_case, headers, body, status, code) => {
    expect(await raw(headers, body)).toMatchObject({ status, body: { __type: code } });
  });

  it('refuses what is larger than any message', async () => {
    const answer = await raw(target, Buffer.alloc(9 * 1024 * 1024, ' '));
    expect(answer).toMatchObject({ status: 413, body: { __type: 'RequestEntityTooLarge' } });
  });
});
