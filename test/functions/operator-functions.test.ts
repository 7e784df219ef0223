import { beforeAll, describe, expect, it, vi } from 'vitest';
import { allRoutes } from '#shared/http/routes/index.ts';
import { operatorFunctions, operatorHandlers } from './operator-handlers.ts';
import { apiEvent, call } from './setup.ts';

/** Enough for the ports; no test here comes to AWS. */
const environment = {
  ...{ AWS_REGION: 'us-east-1', HOME_ACCOUNT: '111122223333', AUDIENCES: 'https://muster.example' },
  ...{ TABLE_NAME: 'main', PRIVATE_TABLE_NAME: 'private', LAUNCH_QUEUE_URL: 'http://127.0.0.1:9/launch' },
};

/** A request to each route that the route refuses: no path parameter may be `x`, and no route knows the query. */
const requests = allRoutes.map((route) => {
  const path = route.path.replaceAll(/\{\w+\}/g, 'x');
  return { route, event: apiEvent(route.method, `${path}?colour=blue`, route.body ? { body: '{}' } : {}) };
});

let handlers: Awaited<ReturnType<typeof operatorHandlers>>;
beforeAll(async () => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  handlers = await operatorHandlers();
  vi.spyOn(console, 'info').mockImplementation(() => {});
});

describe.each(operatorFunctions)('%s', (name) => {
  it.each(requests.filter(({ route }) => route.function === name))(
    'serves $route.method $route.path',
    async ({ event }) => {
      const answer = await call(handlers[name], event);
      expect(answer).toMatchObject({ statusCode: 400, json: { code: 'malformed_request' } });
    },
  );

  it.each(requests.filter(({ route }) => route.function !== name))(
    'answers to $route.method $route.path that $route.function serves it',
    async ({ route, event }) => {
      const answer = await call(handlers[name], event);
      expect(answer).toMatchObject({ statusCode: 421, json: { code: 'wrong_function', function: route.function } });
    },
  );
});
