import { Command } from 'commander';
import { askApi, readBaseUrl, urlOption } from '../client.ts';
import { printJson } from '../output.ts';
import { restoreFleet } from '../restore-fleet.ts';

const help = `
For the hours after the main table was put back to an earlier time: docs/runbook.md says how. Opens the check-ins for two
hours, does the releases and blocks since that time again, lets agents that were enrolled since then enroll again with their
keys, and ends the identity conflicts that Muster has seen since then. Run it again for instances that Muster finds later.

Example:
  $ muster restore 2026-11-02T09:00:00Z --reason 'a script deleted records'
Exit code 0: done, 4: Muster refused, 2: the command line is wrong, 1: anything else.`;

/** `muster restore`. A usage error is thrown: commander's own, or a Problem `usage`. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('bring the agents back after the main table was put back to an earlier time')
    .argument('<time>', 'the time to which it was put back, RFC 3339')
    .requiredOption('--reason <text>', 'why, for the log and the record')
    .addOption(urlOption())
    .addHelpText('after', help)
    .exitOverride()
    .action(async (time: string, options: { reason: string; url?: string }) => {
      const url = readBaseUrl(options.url);
      const ask = (method: string, path: string, body?: object) =>
        askApi(url, method, path, body && JSON.stringify(body));
      printJson(await restoreFleet(ask, time, options.reason));
    });
}
