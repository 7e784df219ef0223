import { Command } from 'commander';
import type { Shown } from '#shared/app/answer.ts';
import type { KeyAnswer } from '#shared/app/enrollment/key-view.ts';
import { Problem } from '#shared/domain/problems.ts';
import { parseTime } from '#shared/domain/time.ts';
import { askApi, readBaseUrl, urlOption } from '../client.ts';
import { makeGrant, readGrantId } from '../grant-file.ts';
import { printJson, readJsonText } from '../output.ts';
import { reasonOption } from '../reason.ts';

const examples = `
Examples:
  $ echo '{"regions":["eu-central-1"],"vpcs":["vpc-0a1b2c3d"],"roles":["web"]}' |
      muster key create --user-data web.json --scope - --uses 20 --expires-at 2026-12-01T00:00:00Z
  $ aws ec2 run-instances --user-data file://web.json …

The seed is in that file alone: keep it as you keep passwords. Revoke the key with
muster api DELETE /v1/enrollment-keys/ID --reason TEXT.
Exit code 0: done, 4: Muster refused, 2: the command line is wrong, 1: anything else.`;

/** `muster key`. A usage error is thrown: commander's own, or a Problem `usage`. */
export function keyCommand(): Command {
  const key = new Command('key').description('make enrollment keys').exitOverride();
  key
    .command('create')
    .description(
      'make an enrollment key here, register its public half, and write the user data of instances that may use it',
    )
    .requiredOption('--user-data <file>', 'the file to make, as aws ec2 run-instances --user-data file://… takes it')
    .option(
      '--scope <file>',
      'whom the key is for, as JSON: accounts, regions, images, vpcs, instanceIds, roles, tags, proofKinds, ' +
        'windowSeconds, attachments; - for standard input',
    )
    .option('--expires-at <time>', 'the key is good until then, RFC 3339')
    .option('--uses <count>', 'the key is good for so many instances')
    .addOption(reasonOption())
    .addOption(urlOption())
    .addHelpText('after', examples)
    .action(async (options: CreateOptions) => {
      printJson({ ...(await createKey(options)), userDataFile: options.userData });
    });
  return key;
}

interface CreateOptions {
  userData: string;
  scope?: string;
  expiresAt?: string;
  uses?: string;
  reason?: string;
  url?: string;
}

async function createKey(options: CreateOptions): Promise<object> {
  const url = readBaseUrl(options.url);
  const limits = await readLimits(options);
  return makeGrant(
    options.userData,
    (publicKey) => askApi(url, 'POST', '/v1/enrollment-keys', JSON.stringify({ publicKey, ...limits })),
    (key: Partial<Shown<typeof KeyAnswer>>, seed) => ({ muster: { url, grant: { id: readGrantId(key.id), seed } } }),
  );
}

/** The body's members besides the public key. Checks what the API would not report as a typing error. */
async function readLimits({ scope, expiresAt, uses, reason }: CreateOptions): Promise<object> {
  if (expiresAt !== undefined && parseTime(expiresAt) === undefined)
    throw usage('--expires-at is no RFC 3339 time, such as 2026-11-02T10:00:00Z.');
  if (uses !== undefined && !/^[1-9]\d{0,6}$/.test(uses)) throw usage('--uses is no count, such as 20.');
  return {
    ...(scope !== undefined && { scope: JSON.parse(await readJsonText('--scope', scope)) as unknown }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(uses !== undefined && { uses: Number(uses) }),
    ...(reason !== undefined && { reason }),
  };
}

const usage = (detail: string): Problem => new Problem('usage', detail);
