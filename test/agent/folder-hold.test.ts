import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdFolder } from '#agent/state/folder-hold.ts';
import { newFolder } from './setup.ts';

async function otherHolder(folder: string): Promise<ChildProcess> {
  const script = `
    import { holdFolder } from '#agent/state/folder-hold.ts';
    await holdFolder(${JSON.stringify(folder)});
    console.log('held');
    process.stdin.resume();`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(other.stdout, 'data');
  return other;
}

async function killed(other: ChildProcess): Promise<void> {
  other.kill('SIGKILL');
  await once(other, 'exit');
}

const leaveSocket = async (folder: string) => killed(await otherHolder(folder));

/** Held, and let go again. */
async function released(folder: string): Promise<void> {
  const letGo = await holdFolder(folder);
  expect(letGo).toBeTypeOf('function');
  await letGo?.();
}

describe('an agent’s folder', () => {
  it('is one agent’s at a time, and leaves nothing when it is let go', async () => {
    const folder = newFolder();
    const letGo = await holdFolder(folder);
    expect(await holdFolder(folder)).toBeUndefined();
    await letGo?.();
    expect(readdirSync(folder)).toEqual([]);
    await released(folder);
  });

  it('is nobody’s after its agent was killed', async () => {
    const folder = newFolder();
    const other = await otherHolder(folder);
    expect(await holdFolder(folder)).toBeUndefined();
    await killed(other);
    expect(existsSync(join(folder, 'agent.sock'))).toBe(true);
    await released(folder);
  });

  it('is made for its owner alone, and serves where its path is too long for a socket', async () => {
    const folder = join(newFolder(), 'x'.repeat(150));
    await released(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('is one agent’s, though several find a killed one’s socket at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const folder = newFolder();
      await leaveSocket(folder);
      const holds = await Promise.all([1, 2, 3, 4].map(() => holdFolder(folder)));
      const held = holds.filter((letGo) => letGo !== undefined);
      expect(held.length).toBeLessThanOrEqual(1);
      await held[0]?.();
    }
  });

  it('that cannot be used is no folder to wait for', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
    await expect(holdFolder(join(folder, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});
