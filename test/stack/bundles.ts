import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { functionNames, type PackagedStack } from './packaged-stack.ts';

/** What the schema of an EC2 client calls its service; it stands in every bundle that holds the client. */
const ec2Client = 'com.amazonaws.ec2';

/** Budgets in kB, a fiftieth above what each weighs: every byte is parsed at every cold start. */
const budgets: Record<(typeof functionNames)[number], { kilobytes: number; holdsEc2: boolean }> = {
  onInstanceChanged: { kilobytes: 358, holdsEc2: false },
  verify: { kilobytes: 988, holdsEc2: true },
  tick: { kilobytes: 341, holdsEc2: false },
  sweep: { kilobytes: 341, holdsEc2: false },
  sweepRegion: { kilobytes: 994, holdsEc2: true },
  enroll: { kilobytes: 466, holdsEc2: false },
  checkin: { kilobytes: 388, holdsEc2: false },
  launch: { kilobytes: 987, holdsEc2: true },
  operatorApi: { kilobytes: 464, holdsEc2: false },
  operatorChange: { kilobytes: 492, holdsEc2: false },
  operatorEc2: { kilobytes: 1088, holdsEc2: true },
  onRecordChanged: { kilobytes: 329, holdsEc2: false },
};

/** An operation of the SDK's client for IAM Identity Center: it stands in every bundle that holds sources of credentials which Lambda does not have. */
const otherCredentials = 'GetRoleCredentials';

const loadsAll = `for (const path of process.argv.slice(1)) {
  if (typeof require(path).handler !== 'function') throw new Error(path + ' exports no handler');
}`;

const ticksOnce = 'require(process.argv[1]).handler({}, {}).catch(() => {})';

export function bundles(stack: () => PackagedStack): void {
  const files = (name: string) => [...(stack().archives[name] ?? new Map<string, Buffer>())];

  it.each(functionNames)(
    '%s is one file within its budget, with the EC2 client only if it calls EC2, and no other credentials than Lambda’s',
    (name) => {
      const [[, code] = ['', Buffer.alloc(0)], ...others] = files(name);
      expect(others).toEqual([]);
      expect(code.length).toBeLessThan(budgets[name]!.kilobytes * 1000);
      expect(code.includes(ec2Client)).toBe(budgets[name]!.holdsEc2);
      expect(code.includes(otherCredentials)).toBe(false);
    },
  );

  it('every one loads where nothing else is installed', () =>
    inEmptyFolder(async (folder) => {
      const paths = await Promise.all(
        functionNames.flatMap((name) => files(name)).map(([file, code]) => unpack(folder, file, code)),
      );
      expect(paths).toHaveLength(functionNames.length);
      await promisify(execFile)(process.execPath, ['-e', loadsAll, ...paths], { cwd: folder, env: {} });
    }));

  it('signs with the credentials that Lambda gives in the environment, where nothing else is installed', () =>
    inEmptyFolder(async (folder) => {
      const signatures: (string | undefined)[] = [];
      const service = createServer(({ headers }, response) => {
        signatures.push(headers.authorization);
        response.writeHead(400).end('{"__type":"AccessDeniedException"}');
      }).listen(0, '127.0.0.1');
      try {
        await once(service, 'listening');
        const [[file, code] = ['', Buffer.alloc(0)]] = files('tick');
        const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
        const variables = { TABLE_NAME: 'main', LAUNCH_QUEUE_URL: `${url}/queue`, STAGE: 'test', TIMING: '{}' };
        const credentials = {
          AWS_ACCESS_KEY_ID: 'of-the-role',
          AWS_SECRET_ACCESS_KEY: 'secret',
          AWS_SESSION_TOKEN: 'token',
        };
        await promisify(execFile)(process.execPath, ['-e', ticksOnce, await unpack(folder, file, code)], {
          cwd: folder,
          env: { ...variables, ...credentials, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: url },
        });
        const signers = signatures.map((signature) => /Credential=([^/]+)/.exec(signature ?? '')?.[1]);
        expect([...new Set(signers)]).toEqual(['of-the-role']);
      } finally {
        service.close();
      }
    }));
}

async function inEmptyFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bundles-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function unpack(folder: string, file: string, code: Buffer): Promise<string> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, code);
  return path;
}
