import * as z from 'zod/mini';
import { HistoryPage, listServerHistory } from '#shared/app/events/list-history.ts';
import { account, region } from '#shared/app/id-schemas.ts';
import { createServer } from '#shared/app/server/create.ts';
import { launchServer } from '#shared/app/server/launch.ts';
import { listServers, showServer } from '#shared/app/server/read.ts';
import { terminateServer } from '#shared/app/server/terminate.ts';
import { ServerAnswer, ServerPage } from '#shared/app/server/view.ts';
import { imageIdPattern } from '#shared/domain/ids.ts';
import { why } from '../reason.ts';
import { PageQuery, pageOf } from '../request.ts';
import { defineRoute } from '../route.ts';
import { few, RecordPath, tagsNamed } from './parameters.ts';

/** The closed set of fields that a launch may ask EC2 for (docs/design/launch.md, "launch policy"). */
const LaunchRequestBody = z.strictObject({
  imageId: z.string().check(z.regex(imageIdPattern)),
  instanceType: z.string().check(z.regex(/^[a-z0-9-]{1,20}\.[a-z0-9-]{1,20}$/)),
  subnetId: z._default(z.nullable(z.string().check(z.regex(/^subnet-[0-9a-f]{8,17}$/))), null),
  securityGroupIds: few(z.string().check(z.regex(/^sg-[0-9a-f]{8,17}$/))),
  instanceProfileArn: z._default(
    z.nullable(z.string().check(z.regex(/^arn:aws[a-z-]*:iam::\d{12}:instance-profile\/[\w+=,.@/-]{1,512}$/))),
    null,
  ),
  keyName: z._default(z.nullable(z.string().check(z.minLength(1), z.maxLength(255))), null),
  hopLimit: z._default(z.int().check(z.minimum(1), z.maximum(64)), 1),
  tags: tagsNamed(/^(?!aws:|__proto__$)/),
});

const ServerBody = z.strictObject({
  name: z.string().check(z.regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u)),
  account,
  region,
  request: LaunchRequestBody,
  ...why,
});

const one = { pathParameters: RecordPath, answer: ServerAnswer } as const;

export const serverRoutes = [
  defineRoute({
    ...{ method: 'GET', path: '/v1/servers', operationId: 'listServers', group: 'reader', function: 'operatorApi' },
    summary: 'List servers',
    ...{ query: PageQuery, status: 200, answer: ServerPage, problems: [] },
    run: ({ query }, _now, ports) => listServers(pageOf(query), ports),
  }),
  defineRoute({
    ...{ method: 'POST', path: '/v1/servers', operationId: 'createServer' },
    ...{ group: 'operator', function: 'operatorChange' },
    summary: 'Create a server from a resolved launch request',
    ...{ body: ServerBody, status: 201, answer: ServerAnswer },
    problems: ['account_not_registered', 'launch_not_allowed', 'conflict'],
    run: ({ body }, now, ports) => createServer(body, now, ports),
    logs: (_request, { id }) => ({ id }),
  }),
  defineRoute({
    ...{ ...one, method: 'GET', path: '/v1/servers/{id}', operationId: 'showServer' },
    ...{ group: 'reader', function: 'operatorApi' },
    summary: 'Show one server',
    ...{ status: 200, problems: ['not_found'] },
    run: ({ path }, _now, ports) => showServer(path.id, ports),
  }),
  defineRoute({
    ...{ method: 'GET', path: '/v1/servers/{id}/history', operationId: 'listServerHistory' },
    ...{ group: 'reader', function: 'operatorApi' },
    summary: 'List what happened to a server, oldest first',
    ...{ pathParameters: RecordPath, query: PageQuery, status: 200, answer: HistoryPage, problems: [] },
    run: ({ path, query }, _now, ports) => listServerHistory(path.id, pageOf(query), ports),
  }),
  defineRoute({
    ...{ ...one, method: 'POST', path: '/v1/servers/{id}/launch', operationId: 'launchServer' },
    ...{ group: 'operator', function: 'operatorChange' },
    summary: 'Launch a server',
    status: 202,
    problems: [
      'not_found',
      'server_busy',
      'not_launchable',
      'account_not_registered',
      'launch_not_allowed',
      'conflict',
    ],
    run: ({ path }, now, ports) => launchServer(path.id, now, ports),
  }),
  defineRoute({
    ...{ ...one, method: 'POST', path: '/v1/servers/{id}/terminate', operationId: 'terminateServer' },
    ...{ group: 'operator', function: 'operatorEc2' },
    summary: 'Terminate a server’s current instance',
    ...{ status: 202, problems: ['not_found', 'not_running', 'ec2_refused'] },
    run: ({ path }, _now, ports) => terminateServer(path.id, ports),
  }),
];
