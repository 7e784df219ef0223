import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWith } from '#local/stack/python.ts';
import { packageStack, production, rehearsal } from '../stack/packaged-stack.ts';
import { cfnLintExceptions, checkovExceptions, type Exception } from './lint-exceptions.ts';
import { cfnLintFindings, checkovFindings, type Finding } from './lint-findings.ts';

const stages = { 'prod.json': production, 'rehearsal.json': rehearsal() };
const packaged = Object.keys(stages);
/** Deployed by themselves, as they are. */
const plain = ['other-region.yml', 'member-account.yml'];
const repository = resolve(import.meta.dirname, '../..');

let folder: string;
let found: Record<'cfn-lint' | 'checkov', Finding[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-lint-'));
  const requirements = join(repository, 'test/deployed/checks.txt');
  const [python] = await Promise.all([
    pythonWith({ requirements, folder: join(repository, '.muster/python'), say: console.log }),
    ...plain.map((file) => copyFile(join(repository, 'infra', file), join(folder, file))),
    ...Object.entries(stages).map(async ([file, stage]) => {
      const { template } = await packageStack(stage);
      await writeFile(join(folder, file), template);
    }),
  ]);
  const linting = { python, folder, files: [...packaged, ...plain] };
  const [cfnLint, checkov] = await Promise.all([cfnLintFindings(linting), checkovFindings(linting)]);
  found = { 'cfn-lint': cfnLint, checkov };
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([
  { linter: 'cfn-lint', exceptions: cfnLintExceptions },
  { linter: 'checkov', exceptions: checkovExceptions },
] as const)('$linter', ({ linter, exceptions }) => {
  const findings = (file: string) => found[linter].filter((finding) => finding.file === file);

  it.each([...packaged, ...plain])('has nothing against %s but what is excepted', (file) => {
    const excepted = new Set(exceptions.flatMap(places));
    expect(
      findings(file)
        .filter((finding) => !excepted.has(place(finding)))
        .map(sentence),
    ).toEqual([]);
  });

  it('finds something behind every exception', () => {
    const needed = new Set([...packaged, ...plain].flatMap(findings).map(place));
    expect(exceptions.flatMap(places).filter((excepted) => !needed.has(excepted))).toEqual([]);
  });
});

const place = ({ id, where }: Finding) => `${id} ${where}`;
const places = ({ id, where }: Exception) => where.map((one) => `${id} ${one}`);
const sentence = (finding: Finding) => `${place(finding)}: ${finding.message}`;
