import * as z from 'zod/mini';
import * as ending from '#shared/app/enrollment/end-binding.ts';
import { HistoryPage, listInstanceHistory } from '#shared/app/events/list-history.ts';
import { listInstances, showInstance } from '#shared/app/instance/read.ts';
import { InstanceAnswer, InstancePage } from '#shared/app/instance/view.ts';
import { why } from '../reason.ts';
import { PageQuery, pageOf } from '../request.ts';
import { defineRoute } from '../route.ts';
import { bytes32, InstancePath, instanceKeyOf } from './parameters.ts';

const one = { pathParameters: InstancePath, answer: InstanceAnswer, status: 200 } as const;
const path = '/v1/instances/{account}/{region}/{id}';
const change = { ...one, method: 'POST', group: 'operator', function: 'operatorChange' } as const;

/** Exactly one of two names the key that is to come: its thumbprint, or the public half of a grant that the operator made. */
const ReenrollBody = z.strictObject({ agentId: z.optional(bytes32), publicKey: z.optional(bytes32), ...why }).check(
  z.refine(({ agentId, publicKey }) => (agentId === undefined) !== (publicKey === undefined), {
    error: 'is one of two, agentId or publicKey',
    path: ['agentId'],
  }),
);

export const instanceRoutes = [
  defineRoute({
    ...{ method: 'GET', path: '/v1/instances', operationId: 'listInstances', group: 'reader', function: 'operatorApi' },
    summary: 'List instances of all registered accounts and regions',
    ...{ query: PageQuery, status: 200, answer: InstancePage, problems: [] },
    run: ({ query }, now, ports) => listInstances(pageOf(query), now, ports),
  }),
  defineRoute({
    ...{ ...one, method: 'GET', path, operationId: 'showInstance', group: 'reader', function: 'operatorApi' },
    summary: 'Show one instance',
    problems: ['not_found'],
    run: ({ path }, now, ports) => showInstance(instanceKeyOf(path), now, ports),
  }),
  defineRoute({
    ...{ method: 'GET', path: `${path}/history`, operationId: 'listInstanceHistory' },
    ...{ group: 'reader', function: 'operatorApi' },
    summary: 'List what happened to an instance, oldest first',
    ...{ pathParameters: InstancePath, query: PageQuery, status: 200, answer: HistoryPage, problems: [] },
    run: ({ path, query }, _now, ports) => listInstanceHistory(instanceKeyOf(path), pageOf(query), ports),
  }),
  defineRoute({
    ...{ ...change, path: `${path}/release`, operationId: 'releaseInstance' },
    summary: 'End the binding of an instance’s agent: back to discovered-only',
    problems: ['not_found', 'not_managed', 'instance_blocked', 'conflict'],
    run: ({ path, act }, now, ports) => ending.releaseInstance(instanceKeyOf(path), act, now, ports),
  }),
  defineRoute({
    ...{ ...change, path: `${path}/block`, operationId: 'blockInstance' },
    summary: 'End the binding of an instance’s agent, and let none enroll there until it is unblocked',
    problems: ['not_found', 'not_managed', 'instance_blocked', 'conflict'],
    run: ({ path, act }, now, ports) => ending.blockInstance(instanceKeyOf(path), act, now, ports),
  }),
  defineRoute({
    ...{ ...change, path: `${path}/unblock`, operationId: 'unblockInstance' },
    summary: 'Let a valid grant enroll an agent on a blocked instance again',
    problems: ['not_found', 'not_blocked', 'conflict'],
    run: ({ path, act }, now, ports) => ending.unblockInstance(instanceKeyOf(path), act, now, ports),
  }),
  defineRoute({
    ...{ ...change, path: `${path}/re-enroll`, operationId: 'reenrollInstance' },
    summary: 'End the binding of an instance’s agent in favour of one key to come, for 15 minutes',
    body: ReenrollBody,
    problems: [
      ...(['not_found', 'not_managed', 'not_running', 'instance_blocked', 'conflict', 'weak_key'] as const),
      ...(['already_exists', 'already_enrolled', 'key_denied', 'key_bound_elsewhere', 'proof_too_weak'] as const),
    ],
    run: ({ path, body: { agentId, publicKey = '' }, act }, now, ports) => {
      const key = instanceKeyOf(path);
      if (agentId !== undefined) return ending.reenrollByKey(key, agentId, act, now, ports);
      return ending.reenrollByGrant(key, publicKey, act, now, ports);
    },
    logs: (_request, { reenrollment }) => ({ agentId: reenrollment?.agentId, keyId: reenrollment?.keyId }),
  }),
];
