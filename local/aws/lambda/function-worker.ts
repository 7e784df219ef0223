import { parentPort } from 'node:worker_threads';

/** Runs the real handlers, in a thread of their own: its environment and its output are those of the functions alone. */
type Handler = (event: unknown, context: object) => Promise<unknown>;

const handlers = new Map<string, Promise<Handler>>();

async function load(file: string): Promise<Handler> {
  const module = (await import(`../../../functions/${file}.ts`)) as { handler: Handler };
  return module.handler;
}

parentPort?.on(
  'message',
  async ({ id, file, event, context }: { id: number; file: string; event: unknown; context: object }) => {
    const loading = handlers.get(file) ?? load(file);
    handlers.set(file, loading);
    try {
      const handler = await loading;
      parentPort?.postMessage({
        id,
        result: await handler(event, { ...context, getRemainingTimeInMillis: () => 30_000 }),
      });
    } catch (error) {
      parentPort?.postMessage({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  },
);
