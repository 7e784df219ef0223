import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { freePort, type MusterProcess, ownFolder, processesOf, startStackProgram } from '../e2e/muster-process.ts';
import { eventually } from './deployed-stack.ts';

const timeout = 150_000;
const pythons = resolve(import.meta.dirname, '../../.muster/python');

/** `npm run stack` in a folder of its own, which borrows the Python of this repository. */
async function start(test: TestContext, port?: number): Promise<MusterProcess & { folder: string }> {
  const folder = ownFolder('stack', test);
  mkdirSync(join(folder, '.muster'));
  mkdirSync(pythons, { recursive: true });
  symlinkSync(pythons, join(folder, '.muster', 'python'));
  return { ...startStackProgram([], { folder, port: port ?? (await freePort()) }), folder };
}

const leftIn = (folder: string) => readdirSync(folder).filter((name) => name !== '.muster');
const nobodyIn = (folder: string) =>
  eventually('no process is left', () => (processesOf(folder).length === 0 ? true : undefined));

describe('npm run stack', () => {
  it('ended while it deploys leaves neither process nor file', { timeout }, async (test) => {
    const { child, folder, stdout, exited } = await start(test);
    await eventually('it deploys', () => (stdout().includes('Deploying') ? true : undefined), 120);
    child.kill('SIGINT');
    expect(await exited).toBe(130);
    await nobodyIn(folder);
    expect(leftIn(folder)).toEqual([]);
  });

  it('killed leaves no process, told to end neither process nor file', { timeout }, async (test) => {
    const killed = await start(test);
    await killed.ready;
    expect(
      processesOf(killed.folder)
        .map(({ command }) => command)
        .join('\n'),
    ).toContain('guarded_emulator');
    killed.child.kill('SIGKILL');
    await nobodyIn(killed.folder);

    const told = await start(test);
    await told.ready;
    const script = '. .muster/stack.env; env';
    const env = { PATH: process.env.PATH, AWS_PROFILE: 'other', AWS_SESSION_TOKEN: 'other' };
    const shell = execFileSync('bash', ['-c', script], { cwd: told.folder, env, encoding: 'utf8' });
    expect(shell).toMatch(/^AWS_DEFAULT_REGION=us-east-1$/m);
    expect(shell).toMatch(/^AWS_ENDPOINT_URL_EC2=http:\/\/127\.0\.0\.1:\d+$/m);
    expect(shell).not.toContain('other');
    told.child.kill('SIGTERM');
    expect(await told.exited).toBe(143);
    await nobodyIn(told.folder);
    expect(leftIn(told.folder)).toEqual([]);
    expect(existsSync(join(told.folder, '.muster', 'stack.env'))).toBe(false);
  });

  it('says in a sentence that its port is taken', { timeout }, async (test) => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    const { exited, stderr } = await start(test, port);
    expect(await exited).toBe(2);
    expect(stderr()).toBe(
      `Port ${port} is taken: stop what listens there, or choose another with PORT=${port + 1} npm run stack.\n`,
    );
    server.close();
  });
});
