#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { Problem } from '#shared/domain/problems.ts';
import { ApiRefusal } from './client.ts';
import { apiCommand } from './commands/api.ts';
import { copyTableCommand } from './commands/copy-table.ts';
import { identityCommand } from './commands/identity.ts';
import { keyCommand } from './commands/key.ts';
import { reenrollCommand } from './commands/re-enroll.ts';
import { replayCommand } from './commands/replay.ts';
import { restoreCommand } from './commands/restore.ts';
import { printJson } from './output.ts';

const program = new Command('muster').description('EC2 instances become managed servers.').exitOverride();
program.addCommand(apiCommand());
program.addCommand(keyCommand());
program.addCommand(reenrollCommand());
program.addCommand(identityCommand());
program.addCommand(replayCommand());
program.addCommand(restoreCommand());
program.addCommand(copyTableCommand());

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Prints the error and returns the exit code: 2 for a wrong command line, 4 for a refusal by Muster, 1 for any other error. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed its message
  if (error instanceof ApiRefusal) printJson(error.answer);
  process.stderr.write(`muster: ${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof ApiRefusal) return 4;
  return error instanceof Problem && (error.code === 'usage' || error.code === 'bad_line') ? 2 : 1;
}
