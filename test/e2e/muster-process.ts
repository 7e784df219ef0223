import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';

/** `npm start` as a process of its own, in a folder of its own: `.muster/local.json` is there too. */
export interface MusterProcess {
  readonly child: ChildProcess;
  /** Resolves at the line `ready …`; rejects if the process ends before. */
  readonly ready: Promise<void>;
  /** Resolves with the exit code, null for one that was killed. */
  readonly exited: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

const startProgram = fileURLToPath(new URL('../../local/main.ts', import.meta.url));
const stackProgram = fileURLToPath(new URL('../../local/stack/main.ts', import.meta.url));

interface Place {
  folder: string;
  port: number;
}

export const startMuster = (args: readonly string[], at: Place): MusterProcess =>
  runProgram(startProgram, args, at, {});

/** `npm run stack`, whose temporary files are in the folder too. */
export const startStackProgram = (args: readonly string[], at: Place): MusterProcess =>
  runProgram(stackProgram, args, at, { TMPDIR: at.folder });

function runProgram(program: string, args: readonly string[], at: Place, more: Record<string, string>): MusterProcess {
  const env = { ...process.env, ...more, PORT: String(at.port) };
  const child = spawn(process.execPath, [program, ...args], { cwd: at.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  const ready = new Promise<void>((resolve, reject) => {
    const look = () => {
      if (`${stdout}\n${stderr}`.includes('ready http://')) resolve();
    };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      look();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      look();
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${stdout}${stderr}`)));
  });
  // Whoever waits for the end alone is not to be told of the readiness that never came.
  ready.catch(() => {});
  // Not `exit`, which may come before the last of what it said
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return { child, ready, exited, stdout: () => stdout, stderr: () => stderr };
}

/** A folder that goes when the test is over, with whatever still runs in it. */
export function ownFolder(name: string, { onTestFinished }: Pick<TestContext, 'onTestFinished'>): string {
  const folder = mkdtempSync(join(tmpdir(), `muster-${name}-`));
  onTestFinished(() => {
    for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return folder;
}

/** The living processes whose command line or environment names the folder: the region, its database, its agents. */
export function processesOf(folder: string): { pid: number; command: string }[] {
  const lines = execFileSync('ps', ['-ww', '-e', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, digits, command = ''] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    const pid = Number(digits);
    const own = command.includes(folder) || environmentOf(pid).includes(folder);
    return own && pid !== process.pid && !command.includes('<defunct>') ? [{ pid, command }] : [];
  });
}

/** Empty where there is no /proc, or the process is another user's. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

/**
 * A port to listen on a moment later. It lies below those that a system gives out by itself (Linux: from 32768), or another
 * connection might have it by then.
 */
export async function freePort(): Promise<number> {
  const port = randomInt(20_000, 32_000);
  const server = createServer().listen(port, '127.0.0.1');
  const isFree = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  await new Promise((resolve) => server.close(resolve));
  return isFree ? port : freePort();
}
