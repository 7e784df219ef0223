import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type * as z from 'zod/mini';
import { releaseRemoval } from '#shared/app/account/release-removal.ts';
import * as ending from '#shared/app/enrollment/end-binding.ts';
import * as keys from '#shared/app/enrollment/keys.ts';
import { listHistory, listInstanceHistory } from '#shared/app/events/list-history.ts';
import * as instances from '#shared/app/instance/read.ts';
import type { OperatePorts } from '#shared/app/operator-ports.ts';
import { createServer } from '#shared/app/server/create.ts';
import { launchServer } from '#shared/app/server/launch.ts';
import * as servers from '#shared/app/server/read.ts';
import { terminateServer } from '#shared/app/server/terminate.ts';
import type { Instant } from '#shared/domain/time.ts';
import { IdPath, InstancePath, KeyBody, PairPath, ReenrollBody, ServerBody } from './operator-schemas.ts';
import { type HttpAnswer, jsonAnswer } from './problem.ts';
import { callerOf, checked, readJson, readPage } from './request.ts';

export interface Route {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  summary: string;
  body?: z.ZodMiniType;
  /** What the answer holds, by the name of its schema in the OpenAPI document. */
  answers: string;
  run: (event: APIGatewayProxyEventV2, now: Instant, ports: OperatePorts) => Promise<HttpAnswer>;
}

const ok = async (answer: Promise<unknown>): Promise<HttpAnswer> => jsonAnswer(200, await answer);
const path = <T extends z.ZodMiniType>(schema: T, event: APIGatewayProxyEventV2) =>
  checked(schema, event.pathParameters ?? {});
const instanceKey = (event: APIGatewayProxyEventV2) => {
  const { account, region, id } = path(InstancePath, event);
  return { account, region, instanceId: id };
};

/** Everything an operator can ask. The OpenAPI document and docs/api.md are made from this table. */
export const operatorRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/instances',
    summary: 'List instances of all registered accounts and regions',
    answers: 'InstancePage',
    run: (event, now, ports) => ok(instances.listInstances(readPage(event), now, ports)),
  },
  {
    method: 'GET',
    path: '/v1/instances/{account}/{region}/{id}',
    summary: 'Show one instance',
    answers: 'Instance',
    run: (event, now, ports) => ok(instances.showInstance(instanceKey(event), now, ports)),
  },
  {
    method: 'GET',
    path: '/v1/instances/{account}/{region}/{id}/history',
    summary: 'List what happened to an instance, oldest first',
    answers: 'HistoryPage',
    run: (event, _now, ports) => ok(listInstanceHistory(instanceKey(event), readPage(event), ports)),
  },
  {
    method: 'POST',
    path: '/v1/instances/{account}/{region}/{id}/release',
    summary: 'End the binding of an instance’s agent: back to discovered-only',
    answers: 'Instance',
    run: (event, now, ports) => ok(ending.releaseInstance(instanceKey(event), now, ports)),
  },
  {
    method: 'POST',
    path: '/v1/instances/{account}/{region}/{id}/block',
    summary: 'End the binding of an instance’s agent, and let none enroll there until it is unblocked',
    answers: 'Instance',
    run: (event, now, ports) => ok(ending.blockInstance(instanceKey(event), now, ports)),
  },
  {
    method: 'POST',
    path: '/v1/instances/{account}/{region}/{id}/unblock',
    summary: 'Let a valid grant enroll an agent on a blocked instance again',
    answers: 'Instance',
    run: (event, now, ports) => ok(ending.unblockInstance(instanceKey(event), now, ports)),
  },
  {
    method: 'POST',
    path: '/v1/instances/{account}/{region}/{id}/re-enroll',
    summary: 'End the binding of an instance’s agent in favour of one key to come, for 15 minutes',
    body: ReenrollBody,
    answers: 'Instance',
    run: (event, now, ports) => {
      const { agentId, publicKey = '' } = readJson(event, ReenrollBody);
      const key = instanceKey(event);
      if (agentId !== undefined) return ok(ending.reenrollByKey(key, agentId, now, ports));
      return ok(ending.reenrollByGrant(key, { publicKey, createdBy: callerOf(event) }, now, ports));
    },
  },
  {
    method: 'GET',
    path: '/v1/servers',
    summary: 'List servers',
    answers: 'ServerPage',
    run: (event, _now, ports) => ok(servers.listServers(readPage(event), ports)),
  },
  {
    method: 'POST',
    path: '/v1/servers',
    summary: 'Create a server from a resolved launch request',
    body: ServerBody,
    answers: 'Server',
    run: async (event, now, ports) => jsonAnswer(201, await createServer(readJson(event, ServerBody), now, ports)),
  },
  {
    method: 'GET',
    path: '/v1/servers/{id}',
    summary: 'Show one server',
    answers: 'Server',
    run: (event, _now, ports) => ok(servers.showServer(path(IdPath, event).id, ports)),
  },
  {
    method: 'GET',
    path: '/v1/servers/{id}/history',
    summary: 'List what happened to a server, oldest first',
    answers: 'HistoryPage',
    run: (event, _now, ports) => ok(listHistory(path(IdPath, event).id, readPage(event), ports)),
  },
  {
    method: 'POST',
    path: '/v1/servers/{id}/launch',
    summary: 'Launch a server',
    answers: 'Server',
    run: async (event, now, ports) => jsonAnswer(202, await launchServer(path(IdPath, event).id, now, ports)),
  },
  {
    method: 'POST',
    path: '/v1/servers/{id}/terminate',
    summary: 'Terminate a server’s current instance',
    answers: 'Server',
    run: async (event, _now, ports) => jsonAnswer(202, await terminateServer(path(IdPath, event).id, ports)),
  },
  {
    method: 'GET',
    path: '/v1/enrollment-keys',
    summary: 'List enrollment keys',
    answers: 'EnrollmentKeyPage',
    run: (event, _now, ports) => ok(keys.listKeys(readPage(event), ports)),
  },
  {
    method: 'POST',
    path: '/v1/enrollment-keys',
    summary: 'Register an enrollment key’s public half',
    body: KeyBody,
    answers: 'EnrollmentKey',
    run: async (event, now, ports) =>
      jsonAnswer(201, await keys.registerKey(readJson(event, KeyBody), callerOf(event), now, ports)),
  },
  {
    method: 'GET',
    path: '/v1/enrollment-keys/{id}',
    summary: 'Show one enrollment key',
    answers: 'EnrollmentKey',
    run: (event, _now, ports) => ok(keys.showKey(path(IdPath, event).id, ports)),
  },
  {
    method: 'DELETE',
    path: '/v1/enrollment-keys/{id}',
    summary: 'Revoke an enrollment key; what it enrolled stays enrolled',
    answers: 'EnrollmentKey',
    run: (event, now, ports) => ok(keys.revokeKey(path(IdPath, event).id, now, ports)),
  },
  {
    method: 'POST',
    path: '/v1/pairs/{account}/{region}/release-removal',
    summary: 'Let the next sweep end the instances that a mass removal withheld',
    answers: 'ReleasedRemoval',
    run: (event, _now, ports) => {
      const { account, region } = path(PairPath, event);
      return ok(releaseRemoval(account, region, ports));
    },
  },
];
