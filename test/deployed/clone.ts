import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { ClientOptions } from '#local/stack/account.ts';
import { makeServiceFolder } from '#local/stack/service-folder.ts';
import { stage, timing } from '#local/stack/settings.ts';
import { environmentOf, parameters } from '#local/stack/stack.ts';
import { type DeployedStack, deployedStack } from './deployed-stack.ts';

const repository = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** A clone of the repository in which docs/deploy.md is followed, with a stack for it to go to. */
export interface Clone {
  readonly stack: DeployedStack;
  readonly folder: string;
  /** What stands for a part of a command that an earlier one printed, by how the pages write it: `srv_…`, `<timestamp>`. */
  readonly known: Map<string, string>;
  /** Runs commands as the deployer, and answers all that they printed. Rejects with it if they fail. */
  shell(commands: string): Promise<string>;
  /** For any SDK client of the deployer's. */
  deployer(region?: string): ClientOptions;
}

/** What the clone's deployment changes in the one that the stack starts with. */
export const newTiming = { ...timing, checkinIntervalSeconds: 6 };

/**
 * The clone's stage `rehearsal` has the parameters that only a running emulator knows, where docs/deploy.md has people write theirs:
 * so the commands need none.
 */
export async function makeClone(): Promise<Clone> {
  const stack = await deployedStack();
  const folder = makeServiceFolder(join(stack.folder, 'clone'));
  for (const name of ['agent', 'cli', 'docs']) symlinkSync(join(repository, name), join(folder, name));
  const own = { ...parameters(stack.endpoint, stack.cloud.anchors), timing: JSON.stringify(newTiming) };
  const lines = Object.entries(own).map(([name, value]) => `    ${name}: '${value.replaceAll("'", "''")}'\n`);
  const file = join(folder, 'serverless.yml');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(/^ {2}rehearsal:\n/m, (line) => line + lines.join('')),
  );
  const known = new Map<string, string>();
  const env = {
    ...environmentOf(stack.endpoint, stack.people.deployer),
    PATH: [dirname(process.execPath), process.env.PATH].join(':'),
    HOME: stack.folder,
    TMPDIR: stack.folder,
    AWS_EC2_METADATA_DISABLED: 'true',
    SLS_NOTIFICATIONS_MODE: 'off',
    // An emulator is done sooner than the five seconds after which it would look again
    SLS_AWS_MONITORING_FREQUENCY: '300',
    MUSTER_STAGE: stage,
    MUSTER_URL: stack.url,
  };
  return {
    ...{ stack, folder, known },
    async shell(commands) {
      const filled = [...known].reduce((text, [placeholder, value]) => text.replaceAll(placeholder, value), commands);
      const running = run('bash', ['-ec', filled], { cwd: folder, env });
      // Nobody sits in front of it
      running.child.stdin?.end();
      const { stdout, stderr } = await running.catch((error) => {
        throw new Error(`${filled}\n${error.stdout}${error.stderr}`);
      });
      return stdout + stderr;
    },
    deployer: (region = stack.root.region) => ({ ...stack.root, region, credentials: stack.people.deployer }),
  };
}
