import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Node, resolveConditions } from './cloudformation.ts';
import { readZip } from './zip.ts';

interface Resource {
  Type: string;
  DeletionPolicy?: string;
  DependsOn?: string[];
  // A template is JSON of many shapes; each test narrows the part it reads by reading it.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  Properties: any;
}

/** What `serverless package` makes: the template as one stage deploys it, and each function's bundle. */
export interface PackagedStack {
  resources: Record<string, Resource>;
  /** The values of its parameters. */
  parameters: Record<string, string>;
  /** The same with other values for its parameters. */
  withParameters(values: Record<string, string>): Record<string, Resource>;
  /** By the function's name in serverless.yml: the files of its archive. */
  archives: Record<string, Map<string, Buffer>>;
}

export const functionNames = [
  'onInstanceChanged',
  'verify',
  'tick',
  'sweep',
  'sweepRegion',
  'enroll',
  'checkin',
  'launch',
  'operatorApi',
  'onRecordChanged',
] as const;

export const logicalId = (functionName: string): string => functionName[0]?.toUpperCase() + functionName.slice(1);

const repository = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/**
 * Packages the service as stage `prod`, in a folder of its own that links back to the sources, so that a packaging elsewhere
 * in the repository goes undisturbed. The environment holds no credentials and no home: it has to work without.
 */
export async function packageStack(): Promise<PackagedStack> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-stack-'));
  try {
    for (const name of ['functions', 'shared', 'infra', 'local', 'node_modules', 'package.json', 'tsconfig.json']) {
      await symlink(join(repository, name), join(folder, name));
    }
    await copyFile(join(repository, 'serverless.yml'), join(folder, 'serverless.yml'));
    const osls = join(repository, 'node_modules/serverless/bin/serverless.js');
    await run(process.execPath, [osls, 'package', '--stage', 'prod'], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder },
    });
    return await readPackage(join(folder, '.serverless'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readPackage(folder: string): Promise<PackagedStack> {
  const template = JSON.parse(
    await readFile(join(folder, 'cloudformation-template-update-stack.json'), 'utf8'),
  ) as Node;
  const archives: PackagedStack['archives'] = {};
  for (const name of functionNames) archives[name] = readZip(await readFile(join(folder, `${name}.zip`)));
  const withParameters = (values: Record<string, string>) =>
    resolveConditions(template, values).Resources as Record<string, Resource>;
  const defaults = Object.entries(template.Parameters as Record<string, { Default: string }>);
  const parameters = Object.fromEntries(defaults.map(([name, { Default }]) => [name, Default]));
  return { resources: withParameters({}), parameters, withParameters, archives };
}
