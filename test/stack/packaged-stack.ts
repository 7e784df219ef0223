import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createAuthority, newAuthorityKeys } from '#local/aws/identity/authority.ts';
import rows from '../../infra/functions.cjs';
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

/** What to package: `serverless package` with this stage and these parameters. */
export interface Packaging {
  stage: string;
  params?: Record<string, string>;
}

/** What `serverless package` makes: the template as one stage deploys it, and each function's bundle. */
export interface PackagedStack {
  /** The template's own text. */
  template: string;
  /** The one that a first deployment sends before it, for the bucket that the template goes into. */
  bucketTemplate: string;
  resources: Record<string, Resource>;
  /** The values of its parameters. */
  parameters: Record<string, string>;
  /** The same with other values for its parameters. */
  withParameters(values: Record<string, string>): Record<string, Resource>;
  /** By the function's name in serverless.yml: the files of its archive. */
  archives: Record<string, Map<string, Buffer>>;
}

/** Of every function, as infra/functions.cjs has them. */
export const functionNames = rows.map(({ name }) => name);

/** An account that is a member of production, and the one that it is deployed in, which may be written as a number too. */
export const [memberAccount, ownAccount] = ['444455556666', '111122223333'] as const;

export const production: Packaging = {
  stage: 'prod',
  params: {
    accounts: JSON.stringify({
      '${AWS::AccountId}': { regions: ['us-east-1'] },
      [memberAccount]: { regions: ['us-east-1', 'eu-central-1'] },
      [ownAccount]: { regions: ['us-east-1'] },
    }),
  },
};

/** A stack for an emulator: another event source, a new test authority's keys for these Regions, and no member. */
export const rehearsal = (): Packaging => ({
  stage: 'rehearsal',
  params: {
    eventSource: 'muster.rehearsal',
    testAnchors: JSON.stringify(createAuthority(['us-east-1', 'eu-central-1'], newAuthorityKeys()).anchors),
  },
});

export const logicalId = (functionName: string): string => functionName[0]?.toUpperCase() + functionName.slice(1);

const repository = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/**
 * Packages the service in a folder of its own that links back to the sources, so that a packaging elsewhere in the repository
 * goes undisturbed. The environment holds no credentials and no home: it has to work without.
 */
export async function packageStack({ stage, params = {} }: Packaging = production): Promise<PackagedStack> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-stack-'));
  try {
    for (const name of [
      'functions',
      'shared',
      'protocol',
      'infra',
      'local',
      'node_modules',
      'package.json',
      'tsconfig.json',
    ]) {
      await symlink(join(repository, name), join(folder, name));
    }
    await copyFile(join(repository, 'serverless.yml'), join(folder, 'serverless.yml'));
    const osls = join(repository, 'node_modules/serverless/bin/serverless.js');
    const given = Object.entries(params).map(([name, value]) => `--param=${name}=${value}`);
    await run(process.execPath, [osls, 'package', '--stage', stage, ...given], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder },
    });
    return await readPackage(join(folder, '.serverless'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readPackage(folder: string): Promise<PackagedStack> {
  const read = (name: string) => readFile(join(folder, `cloudformation-template-${name}-stack.json`), 'utf8');
  const [bucketTemplate, text] = await Promise.all([read('create'), read('update')]);
  const template = JSON.parse(text) as Node;
  const archives: PackagedStack['archives'] = {};
  for (const name of functionNames) archives[name] = readZip(await readFile(join(folder, `${name}.zip`)));
  const withParameters = (values: Record<string, string>) =>
    resolveConditions(template, values).Resources as Record<string, Resource>;
  const defaults = Object.entries(template.Parameters as Record<string, { Default: string }>);
  const parameters = Object.fromEntries(defaults.map(([name, { Default }]) => [name, Default]));
  return { template: text, bucketTemplate, resources: withParameters({}), parameters, withParameters, archives };
}
