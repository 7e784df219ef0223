import { gatewayRouteFor } from '#shared/http/routes/index.ts';

export const operatorFunctions = ['operatorApi', 'operatorChange', 'operatorEc2'] as const;
type Handlers = Record<(typeof operatorFunctions)[number], unknown>;

/** The functions that serve operators. Loaded late: their log reads the environment when they are loaded. */
export async function operatorHandlers(): Promise<Handlers> {
  const { handler: operatorApi } = await import('../../functions/operator-api.ts');
  const { handler: operatorChange } = await import('../../functions/operator-change.ts');
  const { handler: operatorEc2 } = await import('../../functions/operator-ec2.ts');
  return { operatorApi, operatorChange, operatorEc2 };
}

/** The handler that API Gateway sends an operator's request to. A request that it knows no route for goes to operatorApi. */
export function handlerFor(handlers: Handlers, method: string, url: string): unknown {
  const name = gatewayRouteFor(method, new URL(url, 'http://api').pathname)?.function;
  return handlers[name as keyof Handlers] ?? handlers.operatorApi;
}
