import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { problems } from '#shared/domain/problems.ts';
import { attacks, sections } from '../../../docs/attacks.ts';
import { attacksPage } from '../../../docs/attacks-page.ts';

const sources = globSync('test/identity/attacks/*.test.ts').map((file) => readFileSync(file, 'utf8'));
/** The numbers that the tests here name; those of loops and tables stand as literals too. */
const numbers = sources.flatMap((source) =>
  [...source.matchAll(/\b(?:attack|harmless|performedBy|enrollmentAttack|refuses|everywhere)\(\s*(\d+),/g)].map(
    ([, number]) => Number(number),
  ),
);

describe('the table of attacks', () => {
  it('has each of the 109 once, in order', () => {
    expect(attacks.map(({ number }) => number)).toEqual(Array.from({ length: 109 }, (_, nth) => nth + 1));
  });

  it.each(attacks)('has an answer to attack $number', ({ codes, harmless }) => {
    expect(codes.length > 0 || harmless !== undefined).toBe(true);
    expect(codes.filter((code) => !Object.hasOwn(problems, code))).toEqual([]);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it.each(attacks)('has a test of attack $number', ({ number }) => {
    expect(numbers).toContain(number);
  });

  it('has every section’s answers compared with what its tests perform', () => {
    const compared = sources.flatMap((source) =>
      [...source.matchAll(/\ballOf\(([^;]*)\)/g)].map(([, titles = '']) => titles),
    );
    const missing = sections.filter(({ title }) => !compared.some((titles) => titles.includes(`'${title}'`)));
    expect(missing).toEqual([]);
  });
});

describe('docs/attacks.md', () => {
  const page = attacksPage();

  it.each(attacks)('tells of attack $number what its test finds', ({ number, attack, codes, harmless = '' }) => {
    const [row, ...others] = page.split('\n').filter((line) => line.startsWith(`| ${number} `));
    expect(others).toEqual([]);
    for (const words of [attack, harmless, ...codes.map((code) => `\`${code}\``)]) expect(row).toContain(words);
  });
});
