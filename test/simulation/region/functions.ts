import { createHash } from 'node:crypto';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { hex } from '#local/aws/ec2/random-ids.ts';
import { type ReceivedMessage, sqsEvent } from '#local/aws/sqs/sqs-message.ts';
import type { CheckinAnswer } from '#protocol/check-in.ts';
import type { EnrollmentAnswer } from '#protocol/enrollment.ts';
import { type CheckinRequest, checkIn } from '#shared/app/agent/check-in.ts';
import { recordNotification } from '#shared/app/cloud/record-notification.ts';
import { sweepPairs } from '#shared/app/cloud/sweep-pairs.ts';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { verifyInstances } from '#shared/app/cloud/verify-instances.ts';
import { enrollInstance } from '#shared/app/enrollment/enroll-instance.ts';
import { type PublishedChange, publishChanges } from '#shared/app/events/publish-changes.ts';
import { handleDue } from '#shared/app/handle-due.ts';
import { runLaunch } from '#shared/app/launch/run-launch.ts';
import { readLaunchMessage, readSweepMessage, readVerifyMessage } from '#shared/app/messages.ts';
import type { OperatePorts } from '#shared/app/operator-ports.ts';
import { isRegisteredIn, registeredPairs } from '#shared/domain/account/accounts.ts';
import { usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import { Problem } from '#shared/domain/problems.ts';
import type { Instant } from '#shared/domain/time.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { testAnchors } from './authority.ts';
import { ProcessDied } from './killable.ts';
import { audience, registered } from './places.ts';
import type { Host, Ports } from './ports.ts';

type OnQueue = (event: SQSEvent) => Promise<SQSBatchResponse>;

/** What functions/ exports, over the simulation's ports instead of AWS. */
export interface Functions {
  onInstanceChanged: OnQueue;
  verify: OnQueue;
  sweepRegion: OnQueue;
  launch: OnQueue;
  sweep: () => Promise<void>;
  tick: () => Promise<void>;
  onRecordChanged: (batch: readonly PublishedChange[]) => Promise<number>;
  enroll: (body: string) => Promise<EnrollmentAnswer>;
  checkin: (request: CheckinRequest) => Promise<CheckinAnswer>;
  operate: <Result>(run: (ports: OperatePorts, now: Instant) => Promise<Result>) => Promise<Result>;
  /** Handles one waiting message of any queue, if there is one. */
  handleOneMore: () => Promise<void>;
  sweepPeriodSeconds: number;
}

const isRegistered = isRegisteredIn(registered);
const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const sweepPeriodSeconds = 300;

export function makeFunctions(pipeline: Host): Functions {
  const { timing } = pipeline;
  const alarm = (what: string) => void pipeline.alarms.push(what);
  const onQueues = queueFunctions(pipeline, alarm);
  const newId = (prefix: string) => `${prefix}_${hex(pipeline.random, 32)}`;
  return {
    ...onQueues,
    ...schedules(pipeline),
    sweepPeriodSeconds,
    onRecordChanged: (batch) => publishAll(pipeline, batch),
    enroll: (body) =>
      pipeline.invoke('enroll', (ports, now) =>
        enrollInstance(body, now, {
          ...{ store: ports.store, verify: ports.verify, anchors: testAnchors(), audiences: [audience] },
          ...{
            isRegistered,
            allowedProofs: ['iid-rsa2048'],
            launchPolicy: usualLaunchPolicy,
            reenrollOnRestart: false,
            askSts: () => Promise.reject(new Error('no agent here proves itself by STS')),
          },
          ...{ decided: () => {}, newId, timing },
        }),
      ),
    checkin: (request) =>
      pipeline.invoke('checkin', ({ store, verify }, now) =>
        checkIn(request, now, { store, verify, audiences: [audience], twinSeen: () => {}, timing }),
      ),
    operate: (run) => pipeline.invoke('operatorApi', (ports, now) => run(operatePorts(pipeline, ports, newId), now)),
    handleOneMore: () => handleOneMore(pipeline, onQueues),
  };
}

const operatePorts = (
  { random, timing }: Host,
  { store, history, userData, launch }: Ports,
  newId: (prefix: string) => string,
): OperatePorts => ({
  ...{ store, history, userData, launch, accounts: registered, audience, newId, timing },
  terminate: async () => {},
  newGrantKey: () => newGrantKey((length) => Buffer.from(hex(random, 2 * length), 'hex')),
});

type QueueFunctions = Pick<Functions, 'onInstanceChanged' | 'verify' | 'sweepRegion' | 'launch'>;

function queueFunctions(pipeline: Host, alarm: (what: string) => void): QueueFunctions {
  const { timing } = pipeline;
  return {
    onInstanceChanged: eachMessage(pipeline, 'onInstanceChanged', ({ store, verify }, body, now) => {
      pipeline.timeline.event(now, body);
      return recordNotification(body, now, { store, verify, eventSource: 'aws.ec2', isRegistered, timing });
    }),
    sweepRegion: eachMessage(pipeline, 'sweepRegion', async ({ store, ec2, verify }, body) => {
      const { account, region } = readSweepMessage(body);
      if (isRegistered(account, region)) await sweepRegion(account, region, { store, ec2, verify, alarm, timing });
    }),
    launch: eachMessage(pipeline, 'launch', ({ store, ec2, userData }, body, now) =>
      runLaunch(readLaunchMessage(body).launchId, now, { store, ec2, userData, timing }),
    ),
    verify: ({ Records }) =>
      pipeline.invoke('verify', async ({ store, ec2, verify }) => {
        const asked = Records.map(({ body, messageId }) => ({
          message: readVerifyMessage(JSON.parse(body)),
          messageId,
        }));
        const open = new Set(
          await verifyInstances(
            asked.map(({ message }) => message),
            { store, ec2, verify, isRegistered, alarm, failed: (_message, error) => pipeline.failed(error), timing },
          ),
        );
        const failed = asked.filter(({ message }) => open.has(message));
        return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
      }),
  };
}

/** As functions/make-handler.ts: what throws is given again and holds up no other; what is malformed is let go. */
function eachMessage(
  pipeline: Host,
  name: 'onInstanceChanged' | 'sweepRegion' | 'launch',
  handle: (ports: Ports, body: unknown, now: Instant) => Promise<unknown>,
): OnQueue {
  return ({ Records }) =>
    pipeline.invoke(name, async (ports, now) => {
      const failed = await Promise.all(
        Records.map(async ({ body, messageId }) => {
          try {
            await handle(ports, JSON.parse(body), now);
            return [];
          } catch (error) {
            pipeline.failed(error);
            return error instanceof Problem && error.code === 'malformed_request' ? [] : [messageId];
          }
        }),
      );
      return { batchItemFailures: failed.flat().map((itemIdentifier) => ({ itemIdentifier })) };
    });
}

function schedules(pipeline: Host): Pick<Functions, 'sweep' | 'tick'> {
  const { timing } = pipeline;
  const unlessItDies = async (run: Promise<unknown>) => {
    await run.catch((error: unknown) => pipeline.failed(error));
  };
  return {
    sweep: () =>
      unlessItDies(
        pipeline.invoke('sweep', ({ store, sweep }, now) =>
          sweepPairs(now, {
            store,
            outbox: sweep,
            registered: registeredPairs(registered),
            periodSeconds: sweepPeriodSeconds,
          }),
        ),
      ),
    tick: () =>
      unlessItDies(
        pipeline.invoke('tick', async ({ store, launch }, now) => {
          const failed = (_record: object, error: unknown) => pipeline.failed(error);
          const { due } = await handleDue(now, { store, launch, failed, timing });
          if (due > 0) pipeline.timeline.time(now);
        }),
      ),
  };
}

/** Record by record in order; where one fails, Lambda begins again. A process that dies has done nothing that counts. */
async function publishAll(pipeline: Host, batch: readonly PublishedChange[]): Promise<number> {
  let done = 0;
  try {
    await pipeline.invoke('onRecordChanged', async ({ bus, history }) => {
      for (const change of batch) {
        await publishChanges([change], { bus, history, hash, stage: 'simulation' });
        done += 1;
      }
    });
    return done;
  } catch (error) {
    pipeline.failed(error);
    return error instanceof ProcessDied ? 0 : done;
  }
}

async function handleOneMore(pipeline: Host, functions: QueueFunctions): Promise<void> {
  const { queues, random } = pipeline;
  const waiting = (
    [
      ['events', functions.onInstanceChanged],
      ['verify', functions.verify],
      ['launch', functions.launch],
      ['sweep', functions.sweepRegion],
    ] as const
  ).filter(([name]) => queues.queue(name).counts().visible > 0);
  const [name, handle] = waiting[Math.floor(random() * waiting.length)] ?? [];
  if (!name || !handle) return;
  const queue = queues.queue(name);
  const received: ReceivedMessage[] = queue.receive(1);
  const answer = await handle(sqsEvent(received, queue.arn)).catch((error: unknown) => pipeline.failed(error));
  if (!answer || answer.batchItemFailures.length > 0) return;
  for (const { receipt } of received) queue.delete(receipt);
}
