import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdFolder } from '#agent/folder-hold.ts';
import { newFolder } from './stage.ts';

const held = (folder: string) => `another agent runs with ${folder}: this one waits for its end`;

describe('an agent’s folder', () => {
  it('is one agent’s at a time, and leaves nothing when it is let go', async () => {
    const folder = newFolder();
    const letGo = await holdFolder(folder);
    await expect(holdFolder(folder)).rejects.toThrow(held(folder));
    await letGo();
    expect(readdirSync(folder)).toEqual([]);
    await (await holdFolder(folder))();
  });

  it('is nobody’s after its agent was killed', async () => {
    const folder = newFolder();
    const script = `
      import { holdFolder } from '#agent/folder-hold.ts';
      await holdFolder(${JSON.stringify(folder)});
      console.log('held');
      process.stdin.resume();`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(other.stdout, 'data');
    await expect(holdFolder(folder)).rejects.toThrow(held(folder));
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(existsSync(join(folder, 'agent.sock'))).toBe(true);
    await (await holdFolder(folder))();
  });

  it('is made for its owner alone, and serves where its path is too long for a socket', async () => {
    const folder = join(newFolder(), 'x'.repeat(150));
    await (await holdFolder(folder))();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });
});
