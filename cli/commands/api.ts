import { Argument, Command } from 'commander';
import { Problem } from '#shared/domain/problems.ts';
import { methods } from '#shared/http/route.ts';
import { askApi, readBaseUrl, urlOption } from '../client.ts';
import { printJson, readJsonText } from '../output.ts';
import { reasonOption } from '../reason.ts';

const examples = `
Examples:
  $ muster api GET /v1/instances --url https://abc123.execute-api.eu-central-1.amazonaws.com
  $ muster api GET '/v1/servers?pageSize=10'
  $ muster api POST /v1/servers --data server.json
  $ muster api DELETE /v1/enrollment-keys/key_… --reason 'the image is no longer used'

Signs with the AWS credentials that the AWS CLI would use. docs/api.md lists the paths.
Exit code 0: done, 4: Muster refused, 2: the command line is wrong, 1: anything else.`;

/** `muster api METHOD PATH`: any request of docs/api.md. A usage error is thrown: commander's own, or a Problem `usage`. */
export function apiCommand(): Command {
  return new Command('api')
    .description('send one signed request to the operator API and print its answer')
    .addArgument(new Argument('<method>').choices(methods))
    .argument('<path>', 'begins with /v1/')
    .option('--data <file>', 'the JSON body of a POST, from a file, or - for standard input')
    .addOption(reasonOption())
    .addOption(urlOption())
    .addHelpText('after', examples)
    .exitOverride()
    .action(async (method: string, path: string, options: Options) => {
      const base = readBaseUrl(options.url);
      requireApiPath(base, path);
      const { data, reason } = options;
      if (data !== undefined && method !== 'POST') throw new Problem('usage', `${method} takes no --data.`);
      if (reason !== undefined && method === 'GET') throw new Problem('usage', 'GET takes no --reason.');
      const body = data === undefined ? undefined : await readJsonText('--data', data);
      const why = reason === undefined ? { path, body } : withReason(method, path, body, reason);
      printJson(await askApi(base, method, why.path, why.body));
    });
}

interface Options {
  data?: string;
  reason?: string;
  url?: string;
}

/** The request with its reason: in the query of a DELETE, in the body of a POST. */
function withReason(method: string, path: string, body: string | undefined, reason: string) {
  if (method === 'DELETE') {
    const query = `reason=${encodeURIComponent(reason)}`;
    return { path: `${path}${path.includes('?') ? '&' : '?'}${query}`, body };
  }
  const members: unknown = body === undefined ? {} : JSON.parse(body);
  if (typeof members !== 'object' || members === null || Array.isArray(members) || 'reason' in members)
    throw new Problem('usage', 'With --reason, what --data gives is a JSON object without the member "reason".');
  return { path, body: JSON.stringify({ ...members, reason }) };
}

/** Checks the parsed URL: dots in the path, encoded or not, could lead to an address outside the API. */
function requireApiPath(base: string, path: string): void {
  const url = URL.parse(base + path);
  const ends = url && url.origin + url.pathname;
  if (!path.startsWith('/v1/') || !ends?.startsWith(`${base}/v1/`) || url?.hash) {
    throw new Problem('usage', 'The path begins with /v1/ and is one of docs/api.md.');
  }
}
