import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a linter has against a template. */
export interface Finding {
  /** The template's file, without its folder. */
  file: string;
  id: string;
  /** The resource, or for cfn-lint the path below `Resources`. */
  where: string;
  message: string;
}

export interface Linting {
  /** A Python that has the linters. */
  python: string;
  /** Where the templates lie; also the linters' home, so that nobody's own configuration counts. */
  folder: string;
  files: readonly string[];
}

/** One Region of each partition: a template may name nothing that only the first of them knows. */
const regions = ['us-east-1', 'eu-central-1', 'us-gov-west-1', 'cn-north-1'];

/** cfn-lint against the specification of every resource, with its advice as well as its errors and warnings. */
export async function cfnLintFindings(linting: Linting): Promise<Finding[]> {
  const main = 'import sys; from cfnlint.runner import main; sys.exit(main())';
  const options = ['--format', 'json', '--include-checks', 'I', '--regions', ...regions];
  const found = await report<CfnLintMatch[]>(linting, ['-c', main, ...options, '--', ...linting.files]);
  return found.map(({ Filename, Rule, Location, Message }) => ({
    file: Filename,
    id: Rule.Id,
    where: Location.Path.filter((part) => part !== 'Resources').join('/'),
    message: Message,
  }));
}

/** checkov's security checks, from what is installed alone. */
export async function checkovFindings(linting: Linting): Promise<Finding[]> {
  const options = ['--skip-download', '--framework', 'cloudformation', '--output', 'json', '--compact', '--quiet'];
  const { results } = await report<CheckovReport>(linting, [
    '-m',
    'checkov.main',
    ...options,
    '--file',
    ...linting.files,
  ]);
  return results.failed_checks.map(({ file_path, check_id, resource, check_name }) => ({
    file: file_path.replace('/', ''),
    id: check_id,
    where: resource.split('.').at(-1) ?? resource,
    message: check_name,
  }));
}

interface CfnLintMatch {
  Filename: string;
  Rule: { Id: string };
  Location: { Path: (string | number)[] };
  Message: string;
}

interface CheckovReport {
  results: { failed_checks: { file_path: string; check_id: string; resource: string; check_name: string }[] };
}

/** No network: whatever asked for something would be told at once that nobody listens. */
const nowhere = 'http://127.0.0.1:9';

async function report<T>({ python, folder }: Linting, args: string[]): Promise<T> {
  const env = { PATH: process.env.PATH, HOME: folder, HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere };
  // Any finding makes the exit code another than 0: what counts is whether a report was printed.
  const { stdout, stderr } = await run(python, args, { cwd: folder, env, maxBuffer: 2 ** 26 }).catch(
    (error: Error & { stdout: string; stderr: string }) => error,
  );
  try {
    return JSON.parse(stdout) as T;
  } catch {
    throw new Error(`${args.slice(0, 2).join(' ')} reported nothing: ${stderr || stdout}`);
  }
}
