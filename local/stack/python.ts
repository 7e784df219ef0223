import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isAlive } from '../region/is-alive.ts';
import { StartError } from '../region/start-error.ts';

const run = promisify(execFile);

/** The oldest that the emulator runs on. */
const oldest = { major: 3, minor: 10 } as const;
const installer = fileURLToPath(new URL('./installer.txt', import.meta.url));

export interface PythonOptions {
  /** A requirements file: every package pinned, with its hashes. */
  requirements: string;
  /** Where environments are kept, one for each content of a requirements file. */
  folder: string;
  /** Told before anything that takes seconds. */
  say: (line: string) => void;
  /** The Python to build on; without it, the `python3` in PATH. */
  python?: string;
}

/**
 * The path of a Python that has exactly what the requirements file names, for `python -m`; made at the first call, in some ten
 * seconds, and found again after. Nothing is installed whose hash is not in the file. Throws StartError where Python, its
 * venv module or a package is missing.
 */
export async function pythonWith({ requirements, folder, say, python = 'python3' }: PythonOptions): Promise<string> {
  const name = basename(requirements, '.txt');
  const place = resolve(folder, `${name}-${fingerprint([requirements, installer])}`);
  if (existsSync(join(place, 'bin', 'python'))) return join(place, 'bin', 'python');
  // What is left of one whose Python has gone, and of installations that were cut off
  clearAway(folder, name);
  await requireUsable(python);
  say(`Installing Python packages for ${name} …`);
  mkdirSync(dirname(place), { recursive: true });
  // Made under another name: what is found under its own is whole.
  const draft = `${place}.${process.pid}`;
  try {
    await install(python, draft, requirements, say);
    if (!existsSync(place)) renameSync(draft, place);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return join(place, 'bin', 'python');
}

async function install(python: string, place: string, requirements: string, say: PythonOptions['say']): Promise<void> {
  const own = join(place, 'bin', 'python');
  await run(python, ['-m', 'venv', '--clear', place]).catch((error: Error) => {
    throw new StartError(
      `Python could not make an environment (on Debian: apt-get install python3-venv): ${lastLine(error)}`,
    );
  });
  const pip = (file: string) =>
    run(own, ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--requirement', file]);
  await pip(installer)
    .then(() => installFast(place, requirements))
    .catch((error: Error) => {
      say(`The quick installer failed (${lastLine(error)}). pip takes a minute or two …`);
      return pip(requirements);
    })
    .catch((error: Error) => {
      throw new StartError(`The Python packages could not be installed: ${lastLine(error)}`);
    });
}

/**
 * uv asks the index for everything at once: a hundred packages in seconds, where pip takes them one by one. It reads none of
 * pip's settings (an index or a certificate of the house): https://docs.astral.sh/uv/pip/compatibility/
 */
async function installFast(place: string, requirements: string): Promise<void> {
  const env = { UV_SYSTEM_CERTS: '1', ...process.env, UV_CACHE_DIR: join(dirname(place), 'cache') };
  const to = ['--python', join(place, 'bin', 'python')];
  await run(
    join(place, 'bin', 'uv'),
    ['pip', 'install', '--quiet', ...to, '--require-hashes', '--requirement', requirements],
    { env },
  );
}

function clearAway(folder: string, name: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder)) {
    if (!entry.startsWith(`${name}-`)) continue;
    const maker = Number(entry.split('.')[1] ?? Number.NaN);
    const isGone = Number.isNaN(maker) ? !existsSync(join(folder, entry, 'bin', 'python')) : !isAlive(maker);
    if (isGone) rmSync(join(folder, entry), { recursive: true, force: true });
  }
}

async function requireUsable(python: string): Promise<void> {
  const wanted = `Python ${oldest.major}.${oldest.minor} or later`;
  const { stdout } = await run(python, ['-c', 'import sys; print(*sys.version_info[:2])']).catch(() => {
    throw new StartError(`This needs ${wanted}: there is no ${python} that runs. (\`npm start\` does without.)`);
  });
  const [major = Number.NaN, minor = Number.NaN] = stdout.trim().split(' ').map(Number);
  if (Number.isNaN(major + minor)) throw new StartError(`This needs ${wanted}: ${python} does not say which it is.`);
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return;
  throw new StartError(`This needs ${wanted}: ${python} is ${major}.${minor}.`);
}

/** What a program said last is why it failed, but for its advice. */
function lastLine(error: Error & { stderr?: string }): string {
  const lines = (error.stderr || error.message).split('\n').map((line) => line.trim());
  return lines.findLast((line) => line !== '' && !line.startsWith('hint:')) ?? error.message;
}

function fingerprint(files: readonly string[]): string {
  const digest = createHash('sha256');
  for (const file of files) digest.update(readFileSync(file));
  return digest.digest('hex').slice(0, 12);
}
