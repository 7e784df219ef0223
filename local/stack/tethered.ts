import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StartError } from '../region/start-error.ts';

const tether = fileURLToPath(new URL('./tether.py', import.meta.url));
const lookEveryMs = 100;
const longestStartMs = 60_000;
const longestStopMs = 20_000;

export interface TetheredOptions {
  /** What it is, for a sentence about its failure. */
  name: string;
  python: string;
  /** The module to run and its arguments. */
  args: readonly string[];
  /** All of its environment. */
  env: Record<string, string>;
  /** Where what it prints is kept. */
  logFile: string;
  /** Answers with a success once it is up. */
  healthUrl: string;
}

/** A Python server that ends with this process, its own children included, even if this process is killed. */
export interface Tethered {
  /** Resolves when it has ended without having been told to. */
  readonly ended: Promise<void>;
  /** Asks it to end, and ends it when it does not. Whatever it started is gone when this resolves. */
  stop(): Promise<void>;
}

/** Resolves when the server answers. Throws StartError if it ends before. */
export async function startTethered(options: TetheredOptions): Promise<Tethered> {
  const { name, python, args, env, logFile } = options;
  const log = openSync(logFile, 'a');
  // A process group of its own, so that all of it can be ended at once
  const child = spawn(python, [tether, ...args], { env, detached: true, stdio: ['pipe', log, log] });
  let trouble = '';
  child.once('error', ({ message }) => {
    trouble = message;
  });
  if (!(await answers(child, options.healthUrl))) {
    await end(child);
    throw new StartError(`${name} did not start: ${trouble || lastLine(logFile)}`);
  }
  let told = false;
  const ended = new Promise<void>((resolve) => child.once('exit', () => told || resolve()));
  const stop = () => {
    told = true;
    return end(child);
  };
  return { ended, stop };
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').at(-1) || 'it said nothing';
}

async function answers(child: ChildProcess, url: string): Promise<boolean> {
  const end = Date.now() + longestStartMs;
  while (isAlive(child) && Date.now() < end) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    if (answer?.ok) return isAlive(child);
    await wait(lookEveryMs);
  }
  return false;
}

/** The end of its standard input would end it as well, but at once: a server that keeps state must be asked. */
async function end(child: ChildProcess): Promise<void> {
  if (isAlive(child)) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([exited, wait(longestStopMs, undefined, { ref: false })]);
  }
  if (child.pid !== undefined) killGroup(child.pid);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group
  }
}

const isAlive = ({ pid, exitCode, signalCode }: ChildProcess): boolean =>
  pid !== undefined && exitCode === null && signalCode === null;
