import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { functionNames, type PackagedStack } from './packaged-stack.ts';

/** What the schema of an EC2 client calls its service; it stands in every bundle that holds the client. */
const ec2Client = 'com.amazonaws.ec2';

/** Budgets in kB, a tenth above what each weighs: every byte is parsed at every cold start. */
const budgets: Record<(typeof functionNames)[number], { kilobytes: number; holdsEc2: boolean }> = {
  onInstanceChanged: { kilobytes: 520, holdsEc2: false },
  verify: { kilobytes: 1180, holdsEc2: true },
  tick: { kilobytes: 510, holdsEc2: false },
  sweep: { kilobytes: 510, holdsEc2: false },
  sweepRegion: { kilobytes: 1180, holdsEc2: true },
  enroll: { kilobytes: 600, holdsEc2: false },
  checkin: { kilobytes: 530, holdsEc2: false },
  launch: { kilobytes: 1180, holdsEc2: true },
  operatorApi: { kilobytes: 640, holdsEc2: false },
  operatorChange: { kilobytes: 670, holdsEc2: false },
  operatorEc2: { kilobytes: 1290, holdsEc2: true },
  onRecordChanged: { kilobytes: 490, holdsEc2: false },
};

const loadsAll = `for (const path of process.argv.slice(1)) {
  if (typeof require(path).handler !== 'function') throw new Error(path + ' exports no handler');
}`;

export function bundles(stack: () => PackagedStack): void {
  const files = (name: string) => [...(stack().archives[name] ?? new Map<string, Buffer>())];

  it.each(functionNames)('%s is one file within its budget, with the EC2 client only if it calls EC2', (name) => {
    const [[, code] = ['', Buffer.alloc(0)], ...others] = files(name);
    expect(others).toEqual([]);
    expect(code.length).toBeLessThan(budgets[name]!.kilobytes * 1000);
    expect(code.includes(ec2Client)).toBe(budgets[name]!.holdsEc2);
  });

  it('every one loads where nothing else is installed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'muster-bundles-'));
    try {
      const paths = await Promise.all(
        functionNames.flatMap((name) => files(name)).map(([file, code]) => unpack(folder, file, code)),
      );
      expect(paths).toHaveLength(functionNames.length);
      await promisify(execFile)(process.execPath, ['-e', loadsAll, ...paths], { cwd: folder, env: {} });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

async function unpack(folder: string, file: string, code: Buffer): Promise<string> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, code);
  return path;
}
