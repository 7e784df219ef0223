import * as z from 'zod/mini';
import { endConflicts, ManyInstances, openCheckins, RestoreAnswer, readmitAgents } from '#shared/app/agent/restore.ts';
import { account, instanceId, region } from '#shared/app/id-schemas.ts';
import { reason } from '../reason.ts';
import { defineRoute } from '../route.ts';
import { bytes32, time } from './parameters.ts';

const change = { method: 'POST', group: 'administrator', function: 'operatorChange', status: 200 } as const;

/** One request changes at most a hundred instances: it has ended before API Gateway's 30 seconds. */
const many = <T extends z.ZodMiniType>(item: T) => z.array(item).check(z.minLength(1), z.maxLength(100));
const one = { account, region, instanceId };

export const restoreRoutes = [
  defineRoute({
    ...{ ...change, path: '/v1/restore', operationId: 'openCheckins', answer: RestoreAnswer },
    summary: 'After the main table was put back to a time: accept check-ins that are ahead of it, for two hours',
    body: z.strictObject({ restoredTo: time, reason }),
    problems: ['conflict'],
    run: ({ body, act }, now, ports) => openCheckins({ ...body, openedBy: act.who }, now, ports),
    logs: (_request, { restoredTo, until }) => ({ restoredTo, until }),
  }),
  defineRoute({
    ...{ ...change, path: '/v1/restore/readmit', operationId: 'readmitAgents', answer: ManyInstances },
    summary:
      'After a restore: let agents whose enrollment was lost enroll again, each with its own key, for 15 minutes',
    body: z.strictObject({ agents: many(z.strictObject({ ...one, agentId: bytes32 })), reason }),
    problems: ['restore_not_open'],
    run: ({ body: { agents }, act }, now, ports) => readmitAgents(agents, act, now, ports),
    logs: (_request, { items }) => ({ items }),
  }),
  defineRoute({
    ...{ ...change, path: '/v1/conflicts/end', operationId: 'endConflicts', answer: ManyInstances },
    summary: 'End the identity conflicts of many instances where no second machine has the key',
    body: z.strictObject({ instances: many(z.strictObject(one)), since: time, until: time, reason }),
    problems: [],
    run: ({ body: { instances, since, until } }, _now, ports) => endConflicts(instances, { since, until }, ports),
    logs: (_request, { items }) => ({ items }),
  }),
];
