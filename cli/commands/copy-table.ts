import { setTimeout as waitFor } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Command } from 'commander';
import { copyTable } from '../copy-table.ts';
import { printJson } from '../output.ts';

const help = `
DynamoDB restores into a new table. This puts what that holds into the stack's own table, and deletes what it has not: all that
was written since the time of the restore. Of an instance that was first seen since, the id stays: a sweep finds out the rest. Every
record goes on with a higher version, so that no \`sequence\` of the lost time is told again. Stop Muster's functions first:
docs/runbook.md says how, and what comes after.

Uses the AWS credentials and the Region that the AWS CLI would use. It may be run again after it stopped.
Exit code 0: done, 2: the command line is wrong, 1: anything else.`;

/** `muster copy-table`. A usage error is thrown by commander. */
export function copyTableCommand(): Command {
  return new Command('copy-table')
    .description('make the main table hold what a restored table holds')
    .argument('<from>', 'the restored table')
    .argument('<to>', 'MainTableName of the stack’s outputs')
    .addHelpText('after', help)
    .exitOverride()
    .action(async (from: string, to: string) => {
      const client = new DynamoDBClient({});
      printJson(await copyTable(client, { from, to }, { wait: (seconds) => waitFor(seconds * 1000), now: Date.now }));
    });
}
