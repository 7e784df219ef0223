import { createHash } from 'node:crypto';
import type { Context, DynamoDBBatchResponse, DynamoDBStreamEvent, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { httpApiEvent } from '#local/aws/http-api/http-api-event.ts';
import { type ReceivedMessage, sqsEvent } from '#local/aws/sqs/sqs-message.ts';
import { hex } from '#local/random.ts';
import { type FunctionName, queueFunctions } from '#local/topology.ts';
import { isRegisteredIn, registeredPairs } from '#shared/domain/account/accounts.ts';
import { usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import { Problem, type ProblemCode } from '#shared/domain/problems.ts';
import type { HttpAnswer } from '#shared/http/problem.ts';
import type { ApiFunction } from '#shared/http/route.ts';
import { gatewayRouteFor } from '#shared/http/routes/index.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import * as checkin from '../../../functions/checkin.ts';
import * as enroll from '../../../functions/enroll.ts';
import * as launch from '../../../functions/launch.ts';
import type { Runtime } from '../../../functions/make-handler.ts';
import * as onInstanceChanged from '../../../functions/on-instance-changed.ts';
import * as onRecordChanged from '../../../functions/on-record-changed.ts';
import * as operatorApi from '../../../functions/operator-api.ts';
import * as operatorChange from '../../../functions/operator-change.ts';
import * as operatorEc2 from '../../../functions/operator-ec2.ts';
import * as sweep from '../../../functions/sweep.ts';
import * as sweepRegion from '../../../functions/sweep-region.ts';
import * as tick from '../../../functions/tick.ts';
import * as verify from '../../../functions/verify.ts';
import { testAnchors } from './authority.ts';
import { audience, registered } from './places.ts';
import type { Host, Ports } from './ports.ts';

type OnQueue = (event: SQSEvent) => Promise<SQSBatchResponse>;

/** A request to the HTTP API. */
interface ApiRequest {
  method: string;
  path: string;
  /** By lower-case name. */
  headers: Record<string, string>;
  body: string;
}

/** The handlers of functions/, each invocation in a process of its own that may die. A dead process's caller gets ProcessDied. */
export interface Functions {
  onInstanceChanged: OnQueue;
  verify: OnQueue;
  sweepRegion: OnQueue;
  launch: OnQueue;
  sweep: () => Promise<void>;
  tick: () => Promise<void>;
  onRecordChanged: (event: DynamoDBStreamEvent) => Promise<DynamoDBBatchResponse>;
  /** What the HTTP API answers. */
  request: (request: ApiRequest) => Promise<HttpAnswer>;
  /** What an operator gets: the answer's JSON. Throws a refusal as the Problem that it is. */
  operate: <Answer = unknown>(method: string, path: string, body?: object) => Promise<Answer>;
  /** Handles one waiting message of any queue, if there is one. */
  handleOneMore: () => Promise<void>;
  sweepPeriodSeconds: number;
}

const isRegistered = isRegisteredIn(registered);
const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const sweepPeriodSeconds = 300;
const stage = 'simulation';
const context = {} as Context;

export function makeFunctions(host: Host): Functions {
  const { timing } = host;
  const runtime = runtimeOf(host);
  const onQueues = makeQueueFunctions(host, runtime);
  const unlessItDies = async <Fields>(run: Promise<Fields>): Promise<Fields | undefined> =>
    run.catch((error: unknown) => void host.failed(error));
  const request = (asked: ApiRequest) => answer(host, runtime, asked);
  return {
    ...onQueues,
    sweepPeriodSeconds,
    request,
    operate: (method, path, body) => operate(request, method, path, body),
    handleOneMore: () => handleOneMore(host, onQueues),
    sweep: async () => {
      const outside = { registered: registeredPairs(registered), periodSeconds: sweepPeriodSeconds };
      const run = ({ store, sweep: outbox }: Ports) =>
        sweep.make(() => ({ store, outbox, ...outside }), runtime)({}, context);
      await unlessItDies(host.invoke('sweep', run));
    },
    tick: async () => {
      const failed = (_record: object, error: unknown) => host.failed(error);
      const run = ({ store, launch: outbox }: Ports) =>
        tick.make(() => ({ store, launch: outbox, failed, timing }), runtime)({}, context);
      const fields = await unlessItDies(host.invoke('tick', run));
      if (Number(fields?.due) > 0) host.timeline.time(host.now());
    },
    onRecordChanged: (event) =>
      host.invoke('onRecordChanged', ({ bus, history }) =>
        onRecordChanged.make(() => ({ bus, history, hash, stage, pause: async () => {} }), runtime)(event, context),
      ),
  };
}

/** The log is silent, but a mistake of the program that it would tell of is one of the simulation's findings. */
function runtimeOf(host: Host): Runtime {
  return {
    now: () => host.now(),
    newId: (prefix) => `${prefix}_${hex(host.random, 32)}`,
    log: { info: () => {}, warn: () => {}, error: (_message, fields) => host.logged(fields) },
    count: () => {},
    stage: () => stage,
  };
}

type QueueFunctions = Pick<Functions, 'onInstanceChanged' | 'verify' | 'sweepRegion' | 'launch'>;

/** The function that a queue feeds. Throws for a function of the table that the simulation does not have. */
export function handlerOf(functions: QueueFunctions, name: FunctionName): OnQueue {
  if (Object.hasOwn(functions, name)) return functions[name as keyof QueueFunctions];
  throw new Error(`the simulation does not run ${name}`);
}

function makeQueueFunctions(host: Host, runtime: Runtime): QueueFunctions {
  const { timing } = host;
  const alarm = (what: string) => void host.alarms.push(what);
  return {
    onInstanceChanged: (event) => {
      for (const { body } of event.Records) host.timeline.event(host.now(), JSON.parse(body));
      return host.invoke('onInstanceChanged', ({ store, verify }) => {
        const ports = { store, verify, eventSource: 'aws.ec2', homeRegion: 'us-east-1', isRegistered, stage, timing };
        return onInstanceChanged.make(() => ports, runtime)(event, context);
      });
    },
    sweepRegion: (event) =>
      host.invoke('sweepRegion', ({ store, ec2, verify }) => {
        const ports = { store, ec2, verify, alarm, isRegistered, stage, timing };
        return sweepRegion.make(() => ports, runtime)(event, context);
      }),
    launch: (event) =>
      host.invoke('launch', ({ store, ec2, userData, launchQueue }) => {
        const ports = { store, ec2, userData, giveBack: launchQueue.giveBack, stage, timing };
        return launch.make(() => ports, runtime)(event, context);
      }),
    verify: (event) =>
      host.invoke('verify', ({ store, ec2, verify: outbox }) => {
        const failed = (_message: object, error: unknown) => host.failed(error);
        const ports = { store, ec2, verify: outbox, isRegistered, alarm, failed, timing };
        return verify.make(() => ports, runtime)(event, context);
      }),
  };
}

/** The HTTP API's routes, by function. */
function answer(host: Host, runtime: Runtime, { method, path, headers, body }: ApiRequest): Promise<HttpAnswer> {
  const { function: name } = gatewayRouteFor(method, path)!;
  const now = new Date(host.now());
  const event = httpApiEvent({ method, path, headers, body: Buffer.from(body), requestId: 'request', now });
  return host.invoke(name, (ports) => apiHandlers[name](host, runtime, ports)(event, context));
}

const apiHandlers: Record<ApiFunction, (host: Host, runtime: Runtime, ports: Ports) => ReturnType<typeof enroll.make>> =
  {
    enroll: ({ timing }, runtime, { store, verify }) => {
      const policy = {
        allowedProofs: ['iid-rsa2048'] as const,
        launchPolicy: usualLaunchPolicy,
        reenrollOnRestart: false,
      };
      const askSts = () => Promise.reject(new Error('no agent here proves itself by STS'));
      const common = { anchors: testAnchors(), audiences: [audience], isRegistered, decided: () => {} };
      return enroll.make(
        () => ({ store, verify, ...common, ...policy, askSts, newId: runtime.newId, timing }),
        runtime,
      );
    },
    checkin: ({ timing }, runtime, { store, verify }) =>
      checkin.make(
        () => ({
          ...{ store, verify, audiences: [audience], isRegistered, timing },
          ...{ twinSeen: () => {}, endingFinished: () => {}, begunAnew: () => {} },
        }),
        runtime,
      ),
    operatorApi: ({ timing }, runtime, { store, history }) =>
      operatorApi.make(() => ({ store, history, timing }), runtime),
    operatorChange: ({ timing, random }, runtime, { store, userData, launch }) => {
      const grantKey = () => newGrantKey((length) => Buffer.from(hex(random, 2 * length), 'hex'));
      const ports = {
        store,
        userData,
        launch,
        accounts: registered,
        audience,
        newId: runtime.newId,
        timing,
      };
      return operatorChange.make(() => ({ ...ports, newGrantKey: grantKey }), runtime);
    },
    operatorEc2: (_host, runtime, { store }) => operatorEc2.make(() => ({ store, terminate: async () => {} }), runtime),
  };

async function operate<Answer>(
  request: Functions['request'],
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const answered = await request({ method, path, headers, body: body ? JSON.stringify(body) : '' });
  const json = JSON.parse(answered.body);
  if (answered.statusCode < 400) return json;
  throw new Problem(json.code as ProblemCode, json.detail, json);
}

async function handleOneMore(host: Host, functions: QueueFunctions): Promise<void> {
  const { queues, random } = host;
  const waiting = queueFunctions.filter(({ queue }) => queues.queue(queue.name).counts().visible > 0);
  const one = waiting[Math.floor(random() * waiting.length)];
  if (!one) return;
  const queue = queues.queue(one.queue.name);
  const received: ReceivedMessage[] = queue.receive(1);
  const handle = handlerOf(functions, one.name);
  const answered = await handle(sqsEvent(received, queue.arn)).catch((error: unknown) => host.failed(error));
  if (!answered || answered.batchItemFailures.length > 0) return;
  for (const { receipt } of received) queue.delete(receipt);
}
