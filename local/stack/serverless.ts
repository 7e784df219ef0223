import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { serverlessProgram } from './service-folder.ts';
import { stage } from './settings.ts';

/** How often it looks how far CloudFormation is. AWS wants no more than one look in five seconds; an emulator is done sooner. */
const lookEveryMs = '300';
/** Ten times what a first deployment takes on a slow machine. */
const longestMs = 600_000;
const endsWithParent = new URL('../region/ends-with-parent.ts', import.meta.url).href;

export interface ServerlessOptions {
  /** What makeServiceFolder made. */
  folder: string;
  /** Endpoint and credentials; of the caller's environment nothing but PATH is handed on. */
  env: Readonly<Record<string, string>>;
  /** What it prints is kept here too. */
  logFile: string;
}

/**
 * Runs the Serverless Framework for the rehearsal's stage and resolves with what it printed. Rejects with its last lines
 * if it fails, or has not ended after ten minutes.
 */
export async function serverless(
  args: readonly string[],
  { folder, env, logFile }: ServerlessOptions,
): Promise<string> {
  const child = spawn(process.execPath, ['--import', endsWithParent, serverlessProgram, ...args, '--stage', stage], {
    cwd: folder,
    env: {
      ...{ PATH: process.env.PATH ?? '', HOME: folder, TMPDIR: folder, AWS_EC2_METADATA_DISABLED: 'true' },
      ...{ SLS_NOTIFICATIONS_MODE: 'off', SLS_AWS_MONITORING_FREQUENCY: lookEveryMs },
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...{ timeout: longestMs, killSignal: 'SIGKILL' },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      appendFileSync(logFile, chunk);
    });
  }
  const [code] = await once(child, 'close');
  const failed = code === null ? 'was ended' : 'failed';
  if (code !== 0)
    throw new Error(`serverless ${args[0]} ${failed}: ${printed.trim().split('\n').slice(-20).join('\n')}`);
  return printed;
}
