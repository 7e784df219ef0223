import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const repository = resolve(import.meta.dirname, '../..');
const osls = join(repository, 'node_modules/serverless/bin/serverless.js');
const run = promisify(execFile);

/** `serverless invoke local` as a user types it, a few at a time. */
export interface LocalInvoker {
  /** The function's answer to a sample of events/, by its name, or to an event of the test's own. */
  invoke<Answer>(functionName: string, event: string | object): Promise<Answer>;
}

/**
 * An invoker in `folder` whose functions see `env`. Each lane is a service folder of its own that links back to the sources: osls
 * and esbuild work in the folder where they are called, and no `npm start` beside this is disturbed.
 */
export async function localInvoker(
  folder: string,
  lanes: number,
  env: Readonly<Record<string, string>>,
): Promise<LocalInvoker> {
  const free = await Promise.all(
    Array.from({ length: lanes }, (_, lane) => serviceFolder(join(folder, `lane-${lane}`), env)),
  );
  const waiting: ((lane: string) => void)[] = [];
  const take = () => free.pop() ?? new Promise<string>((resolveLane) => waiting.push(resolveLane));
  const giveBack = (lane: string) => {
    const next = waiting.shift();
    if (next) next(lane);
    else free.push(lane);
  };
  return {
    async invoke<Answer>(functionName: string, event: string | object) {
      const lane = await take();
      try {
        return (await invokeIn(lane, functionName, event)) as Answer;
      } finally {
        giveBack(lane);
      }
    },
  };
}

async function serviceFolder(folder: string, env: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(join(folder, '.muster'), { recursive: true });
  for (const name of [
    'events',
    'functions',
    'infra',
    'local',
    'node_modules',
    'package.json',
    'shared',
    'protocol',
    'tsconfig.json',
  ])
    await symlink(join(repository, name), join(folder, name));
  await copyFile(join(repository, 'serverless.yml'), join(folder, 'serverless.yml'));
  await writeFile(join(folder, '.muster/local.json'), JSON.stringify({ pid: process.pid, env }));
  return folder;
}

async function invokeIn(lane: string, functionName: string, event: string | object): Promise<unknown> {
  const file = typeof event === 'string' ? `events/${event}.json` : 'event.json';
  if (typeof event === 'object') await writeFile(join(lane, file), JSON.stringify(event));
  const { stdout } = await run(process.execPath, [osls, 'invoke', 'local', '-f', functionName, '-p', file], {
    cwd: lane,
    env: { PATH: process.env.PATH, HOME: lane },
  });
  // The function's log lines come first, each on one line; then its answer, on several.
  return JSON.parse(stdout.slice(stdout.search(/^\{$/m)));
}
