import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const sources = ['functions', 'shared', 'protocol', 'infra', 'local', 'node_modules', 'package.json', 'tsconfig.json'];

/** The Serverless Framework's program, for `node`. */
export const serverlessProgram = join(repository, 'node_modules/serverless/bin/serverless.js');

/**
 * Makes a folder in which the service can be packaged and deployed, with links back to the sources: what packaging leaves behind
 * lands there, and two at once do not meet.
 */
export function makeServiceFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const name of sources) symlinkSync(join(repository, name), join(folder, name));
  copyFileSync(join(repository, 'serverless.yml'), join(folder, 'serverless.yml'));
  return folder;
}
