#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { Problem } from '#shared/domain/problems.ts';
import { apiCommand } from './api.ts';
import { identityCommand } from './identity.ts';
import { printJson } from './json.ts';
import { keyCommand } from './key.ts';
import { ApiRefusal } from './operator-api.ts';
import { reenrollCommand } from './re-enroll.ts';
import { replayCommand } from './replay.ts';

const program = new Command('muster').description('EC2 instances become managed servers.').exitOverride();
program.addCommand(apiCommand());
program.addCommand(keyCommand());
program.addCommand(reenrollCommand());
program.addCommand(identityCommand());
program.addCommand(replayCommand());

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong and answers the exit code: 2 for the command line, 4 for Muster's refusal, 1 for anything else. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has printed its message
  if (error instanceof ApiRefusal) printJson(error.answer);
  process.stderr.write(`muster: ${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof ApiRefusal) return 4;
  return error instanceof Problem && (error.code === 'usage' || error.code === 'bad_line') ? 2 : 1;
}
