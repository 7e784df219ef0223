import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartError } from '#local/region/start-error.ts';
import { pythonWith } from '#local/stack/python.ts';

let folder: string;
const said: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-python-'));
  said.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program in Python's place: what it does is shell. */
function pythonThat(does: string): string {
  const path = join(folder, 'python');
  writeFileSync(path, `#!/bin/sh\n${does}\n`);
  chmodSync(path, 0o755);
  return path;
}

function environment(python: string): Promise<string> {
  const requirements = join(folder, 'wanted.txt');
  writeFileSync(requirements, 'nothing==1.0\n');
  return pythonWith({ requirements, folder: join(folder, 'pythons'), python, say: (line) => said.push(line) });
}

/** Answers the question for its version, and hands the rest on. */
const version = (text: string, rest: string) => `case "$1" in -c) echo "${text}";; *) ${rest};; esac`;

/** Makes an environment of which nothing but its own Python and uv is there: what those do is shell. */
function makesEnvironments(does: { python: string; uv: string }): string {
  const write = (name: 'python' | 'uv') => {
    writeFileSync(join(folder, `its-${name}`), `#!/bin/sh\n${does[name]}\n`, { mode: 0o755 });
    return `cp ${join(folder, `its-${name}`)} "$place/bin/${name}"`;
  };
  return ['for place in "$@"; do :; done', 'mkdir -p "$place/bin"', write('python'), write('uv')].join('; ');
}

describe('a Python of our own', () => {
  it.each([
    [
      'is not there',
      () => join(folder, 'nowhere'),
      /^This needs Python 3\.10 or later: there is no .*nowhere that runs/,
    ],
    [
      'is too old',
      () => pythonThat(version('3 9', 'exit 1')),
      /^This needs Python 3\.10 or later: .*python is 3\.9\.$/,
    ],
    ['is of another age', () => pythonThat(version('2 7', 'exit 1')), /python is 2\.7\.$/],
    [
      'has no venv module',
      () => pythonThat(version('3 12', 'echo "No module named venv" >&2; exit 1')),
      /python3-venv\): No module named venv$/,
    ],
  ])('says in a sentence that Python %s', async (_, python, sentence) => {
    const refused = environment(python());
    await expect(refused).rejects.toBeInstanceOf(StartError);
    await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(sentence), exitCode: 2 });
  });

  it('is made once, told while it is made, and found again', async () => {
    const python = pythonThat(version('3 13', makesEnvironments({ python: 'exit 0', uv: 'exit 0' })));
    const first = await environment(python);
    expect(said).toEqual(['Installing Python packages for wanted …']);
    expect(await environment(join(folder, 'gone-by-now'))).toBe(first);
    expect(said).toHaveLength(1);
  });

  it('lets pip, which knows the settings of the house, install what the quick installer could not', async () => {
    const asked = join(folder, 'asked');
    const uv = 'echo "cause: invalid peer certificate" >&2; echo >&2; echo "hint: do something" >&2; exit 2';
    const python = pythonThat(version('3 13', makesEnvironments({ python: `echo "$@" >> ${asked}`, uv })));
    await environment(python);
    expect(said.slice(1)).toEqual([
      'The quick installer failed (cause: invalid peer certificate). pip takes a minute or two …',
    ]);
    const last = readFileSync(asked, 'utf8').trim().split('\n').at(-1);
    expect(last).toBe(`-m pip install --quiet --require-hashes --requirement ${join(folder, 'wanted.txt')}`);
  });

  it('trusts the certificates of the machine', async () => {
    const trusted = join(folder, 'trusted');
    const uv = `echo "$UV_SYSTEM_CERTS" > ${trusted}`;
    await environment(pythonThat(version('3 13', makesEnvironments({ python: 'exit 0', uv }))));
    expect(readFileSync(trusted, 'utf8')).toBe('1\n');
  });

  it('leaves nothing half made where a package cannot be had', async () => {
    const does = { python: 'echo "ERROR: no such package" >&2; exit 1', uv: 'exit 2' };
    const refused = environment(pythonThat(version('3 13', makesEnvironments(does))));
    await expect(refused).rejects.toThrow('The Python packages could not be installed: ERROR: no such package');
    expect(readdirSync(join(folder, 'pythons'))).toEqual([]);
  });
});
