import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Problem, type ProblemCode } from '#shared/domain/problems.ts';
import type { Attack } from '../../../docs/attacks/attack.ts';
import { attacks, sections } from '../../../docs/attacks.ts';

/** What one form of an attack is refused with. */
interface Refusal {
  /** Needed where the table gives several. */
  code?: ProblemCode;
  /** None, unless given. */
  facts?: object;
  /** Words of the refusal that tell which check it was, where the code alone does not. */
  says?: RegExp;
}

/** What the tests of this file have performed, by number. */
const performed = new Map<number, { codes: Set<ProblemCode>; harmless: boolean }>();

function note(number: number): { codes: Set<ProblemCode>; harmless: boolean } {
  const noted = performed.get(number) ?? { codes: new Set(), harmless: false };
  performed.set(number, noted);
  return noted;
}

function rowOf(number: number): Attack {
  const row = attacks.find((attack) => attack.number === number);
  if (!row) throw new RangeError(`the table has no attack ${number}`);
  return row;
}

/** A test that performs one form of an attack, which must be refused as the table says. */
export function attack(number: number, form: string, perform: () => unknown, refusal: Refusal = {}): void {
  const { codes } = rowOf(number);
  const code = refusal.code ?? codes[0];
  if (!code || !codes.includes(code) || (!refusal.code && codes.length > 1)) {
    throw new RangeError(`the table does not refuse attack ${number} with ${refusal.code ?? 'one code'}`);
  }
  note(number).codes.add(code);
  it(`attack ${number}: ${form}`, async () => {
    const problem = await problemOf(perform);
    expect({ code: problem.code, facts: problem.facts }).toEqual({ code, facts: refusal.facts ?? {} });
    if (refusal.says) expect(problem.message).toMatch(refusal.says);
    // Attack 102, of every refusal: no document and no signature in what is told.
    expect(JSON.stringify([problem.message, problem.facts])).not.toMatch(/[A-Za-z0-9+/_-]{64}|accountId\\*" ?:/);
  });
}

/** A test that performs a form of an attack that is let through, and shows that nothing comes of it. */
export function harmless(number: number, form: string, show: () => unknown): void {
  if (!rowOf(number).harmless) throw new RangeError(`the table does not call attack ${number} harmless`);
  note(number).harmless = true;
  it(`attack ${number}: ${form}`, async () => {
    await show();
  });
}

/** An attack that a test elsewhere performs: there must be a test of this title. */
export function performedBy(number: number, answer: ProblemCode | 'harmless', file: string, title: string): void {
  const noted = note(number);
  if (answer === 'harmless') noted.harmless = true;
  else noted.codes.add(answer);
  it(`attack ${number}: see ${file}, ${title}`, () => {
    expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')).toContain(title);
  });
}

/** A test that every form that the table answers for, of these sections, was performed in this file, and none besides. */
export function allOf(...titles: readonly string[]): void {
  const wanted = sections.filter(({ title }) => titles.includes(title)).flatMap((section) => section.attacks);
  it.each(wanted)('attack $number has a test for each of its answers', ({ number, codes, harmless }) => {
    const { codes: seen, harmless: shown } = performed.get(number) ?? { codes: new Set(), harmless: false };
    expect([[...seen].sort(), shown]).toEqual([[...codes].sort(), harmless !== undefined]);
  });
}

async function problemOf(perform: () => unknown): Promise<Problem> {
  try {
    await perform();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
