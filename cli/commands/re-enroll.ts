import { Command } from 'commander';
import type { Shown } from '#shared/app/answer.ts';
import type { InstanceAnswer } from '#shared/app/instance/view.ts';
import { askApi, readBaseUrl, urlOption } from '../client.ts';
import { makeGrant, readGrantId } from '../grant-file.ts';
import { printJson } from '../output.ts';
import { reasonOption } from '../reason.ts';

const help = `
Ends the binding of the instance's agent at once. For 15 minutes one agent may enroll there, once, with the grant in the
file. Bring the file to the instance, point MUSTER_AGENT_SETTINGS at it and start the agent anew.

An agent in conflict says in its log by which key it can be re-enrolled without any file:
  $ echo '{"agentId":"…"}' |
      muster api POST /v1/instances/111122223333/us-east-1/i-0a1b2c3d4e5f60718/re-enroll --data -
Exit code 0: done, 4: Muster refused, 2: the command line is wrong, 1: anything else.`;

/** `muster re-enroll`. A usage error is thrown: commander's own, or a Problem `usage`. */
export function reenrollCommand(): Command {
  return new Command('re-enroll')
    .description('end the binding of an instance’s agent, and write the settings with which another may enroll there')
    .argument('<account>')
    .argument('<region>')
    .argument('<instance>')
    .requiredOption('--settings <file>', 'the file to make, as the agent reads it')
    .addOption(reasonOption())
    .addOption(urlOption())
    .addHelpText('after', help)
    .exitOverride()
    .action(async (account: string, region: string, instanceId: string, options: Options) => {
      const url = readBaseUrl(options.url);
      const path = `/v1/instances/${[account, region, instanceId].map(encodeURIComponent).join('/')}/re-enroll`;
      const { reason, settings } = options;
      const instance = await makeGrant(
        settings,
        (publicKey) => askApi(url, 'POST', path, JSON.stringify({ publicKey, reason })),
        (answer, seed) => ({ url, grant: { id: readGrantId(grantIn(answer)), seed } }),
      );
      printJson({ ...instance, settingsFile: settings });
    });
}

interface Options {
  settings: string;
  reason?: string;
  url?: string;
}

const grantIn = (answer: Partial<Shown<typeof InstanceAnswer>>): unknown => answer.reenrollment?.keyId;
