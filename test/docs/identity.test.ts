import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { problems } from '#shared/domain/problems.ts';

const guide = readFileSync('docs/identity.md', 'utf8');
const checks = guide.split('\n').filter((line) => /^\| \d+ +\|/.test(line));
const codesOf = (line: string) => [...(line.split('|').at(-2) ?? '').matchAll(/`(\w+)`/g)].map(([, code = '']) => code);

it.each(checks)('names codes that exist: %s', (line) => {
  expect(codesOf(line)).not.toEqual([]);
  expect(codesOf(line).filter((code) => !Object.hasOwn(problems, code))).toEqual([]);
});

/** Every code that the sources of an enrollment's checks can answer with. */
const sources = [
  'shared/domain/enrollment/enrollment.ts',
  'shared/domain/enrollment/grant-refusal.ts',
  'shared/identity/enrollment-request.ts',
  'shared/identity/compact-jws.ts',
  'shared/identity/clock.ts',
  'shared/identity/document.ts',
  'shared/identity/verify-document.ts',
];
const thrown = sources.flatMap((path) =>
  [...readFileSync(path, 'utf8').matchAll(/'([a-z]+(?:_[a-z]+)+)'/g)].flatMap(([, code = '']) =>
    Object.hasOwn(problems, code) ? [code] : [],
  ),
);

it.each([...new Set(thrown)].sort())('says where %s is checked', (code) => {
  expect(checks.flatMap(codesOf)).toContain(code);
});
