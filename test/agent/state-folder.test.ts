import { mkdtempSync, rmSync } from 'node:fs';
import type { FileHandle, open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openStateFolder } from '#agent/state/state-folder.ts';

/** What the agent asks of the disk, in order. Node's own functions do the work. */
const asked: string[] = [];
vi.mock('node:fs/promises', async (original) => {
  const real = await original<{ open: typeof open; rename: typeof rename }>();
  const watched = (handle: FileHandle, name: string): FileHandle =>
    new Proxy(handle, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          asked.push(`${String(member)} ${name}`);
          return value.apply(target, args);
        };
      },
    });
  return {
    ...real,
    open: async (path: string, ...rest: [string, number]) => watched(await real.open(path, ...rest), basename(path)),
    rename: (from: string, to: string) => {
      asked.push(`rename ${basename(from)} ${basename(to)}`);
      return real.rename(from, to);
    },
  };
});

it('the state is on the disk when it is written: the new file is synced before its rename, and its folder after it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const state = openStateFolder(folder);
  await state.write('{}');
  expect(asked).toEqual([
    ...['writeFile agent.json.new', 'sync agent.json.new', 'close agent.json.new', 'rename agent.json.new agent.json'],
    ...[`sync ${basename(folder)}`, `close ${basename(folder)}`],
  ]);
  expect(await state.read()).toBe('{}');
});
