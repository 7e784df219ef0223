import { Argument, Command } from 'commander';
import { Problem } from '#shared/domain/problems.ts';
import { methods } from '#shared/http/route.ts';
import { askApi, readBaseUrl, urlOption } from '../client.ts';
import { printJson, readJsonText } from '../output.ts';

const examples = `
Examples:
  $ muster api GET /v1/instances --url https://abc123.execute-api.eu-central-1.amazonaws.com
  $ muster api GET '/v1/servers?pageSize=10'
  $ muster api POST /v1/servers --data server.json
  $ muster api DELETE /v1/enrollment-keys/key_…

Signs with the AWS credentials that the AWS CLI would use. docs/api.md lists the paths.
Exit code 0: done, 4: Muster refused, 2: the command line is wrong, 1: anything else.`;

/** `muster api METHOD PATH`: any request of docs/api.md. A usage error is thrown: commander's own, or a Problem `usage`. */
export function apiCommand(): Command {
  return new Command('api')
    .description('send one signed request to the operator API and print its answer')
    .addArgument(new Argument('<method>').choices(methods))
    .argument('<path>', 'begins with /v1/')
    .option('--data <file>', 'the JSON body of a POST, from a file, or - for standard input')
    .addOption(urlOption())
    .addHelpText('after', examples)
    .exitOverride()
    .action(async (method: string, path: string, options: { data?: string; url?: string }) => {
      const base = readBaseUrl(options.url);
      requireApiPath(base, path);
      if (options.data !== undefined && method !== 'POST') throw new Problem('usage', `${method} takes no --data.`);
      const body = options.data === undefined ? undefined : await readJsonText('--data', options.data);
      printJson(await askApi(base, method, path, body));
    });
}

/** Checks the parsed URL: dots in the path, encoded or not, could lead to an address outside the API. */
function requireApiPath(base: string, path: string): void {
  const url = URL.parse(base + path);
  const ends = url && url.origin + url.pathname;
  if (!path.startsWith('/v1/') || !ends?.startsWith(`${base}/v1/`) || url?.hash) {
    throw new Problem('usage', 'The path begins with /v1/ and is one of docs/api.md.');
  }
}
