import { it, vi } from 'vitest';
import type { Clone } from './clone.ts';

/** A command that is run. */
interface Run {
  command: string;
  /** Given what it printed. */
  check: (printed: string) => void | Promise<void>;
  /** Repeated until `check` passes: something has to happen first. */
  patient?: true;
  /** Runs in the same shell, to show what the command did. */
  afterwards?: string;
}

/** A command that is not run, why, and where it is cheap what stands in for it. */
interface Listed {
  command: string;
  reason: string;
  instead?: () => Promise<void>;
}

/** What becomes of a command of a page. */
export type Step = Run | Listed;

export const runs = (command: string, check: Run['check'], more: Omit<Run, 'command' | 'check'> = {}): Run => ({
  ...{ command, check },
  ...more,
});

export const listed = (command: string, reason: string, instead?: () => Promise<void>): Listed => ({
  ...{ command, reason },
  ...(instead && { instead }),
});

/** The AWS CLI is a Python package of its own, and is not installed for this. */
export const awsCli = (command: string, instead?: () => Promise<void>): Listed =>
  listed(command, 'the AWS CLI is not here', instead);

/** One test, in their order, for each command that is run or that something stands in for. */
export function play(steps: readonly Step[], clone: () => Clone): void {
  for (const step of steps) {
    if (!('reason' in step)) it(step.command, () => follow(step, clone()));
    else if (step.instead) it(`instead of ${step.command}: ${step.reason}`, step.instead);
  }
}

async function follow({ command, afterwards, check, patient }: Run, { shell }: Clone): Promise<void> {
  const once = async () => check(await shell(afterwards ? `${command}\n${afterwards}` : command));
  await (patient ? vi.waitFor(once, { timeout: 60_000, interval: 500 }) : once());
}
