import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const repository = execFileSync('git', ['ls-files'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => /\.(?:ts|cjs|yml|md|py|txt)$/.test(path) && existsSync(path))
  // Its examples are no citations.
  .filter((path) => path !== 'test/docs/citations.test.ts');
const texts = repository.map((path) => ({ path, text: readFileSync(path, 'utf8') }));

/** Every section of a page, in small letters: a citation is a part of a sentence. */
const sectionsOf = (page: string): string[] =>
  [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase());

/** The cited pages, with the sections that a citation names in brackets or after a comma, as `docs/runbook.md, "Dead letters"`. */
function citationsIn(text: string): { page: string; sections: string[] }[] {
  // A citation may go on in the next line of a comment.
  const joined = text.replaceAll(/\n\s*(?:\*|\/\/|#)? ?/g, ' ');
  const citations = joined.matchAll(/\b(docs\/[\w/-]+\.md)((?:, | \()"[^"]+"(?:(?:, | and )"[^"]+")*)?/g);
  return [...citations].map(([, page = '', named = '']) => ({
    page,
    sections: [...named.matchAll(/"([^"]+)"/g)].map(([, section = '']) => section.toLowerCase()),
  }));
}

const cited = texts
  .map(({ path, text }) => ({ path, citations: citationsIn(text) }))
  .filter(({ citations }) => citations.length > 0);

describe('citations of docs/', () => {
  it.each(cited)('$path cites pages and sections that exist', ({ citations }) => {
    const broken = citations.filter(
      ({ page, sections }) => !existsSync(page) || sections.some((section) => !sectionsOf(page).includes(section)),
    );
    expect(broken).toEqual([]);
  });

  it('name the page first, then the section', () => {
    const reversed = texts.filter(({ text }) => /\("[^"]+", docs\/[\w/-]+\.md\)/.test(text));
    expect(reversed.map(({ path }) => path)).toEqual([]);
  });

  it('are found', () => {
    expect(cited.length).toBeGreaterThan(20);
    expect(cited.flatMap(({ citations }) => citations.flatMap(({ sections }) => sections)).length).toBeGreaterThan(15);
    expect(citationsIn('see docs/design/merging.md ("order and\n * epochs", "the ledger")')).toEqual([
      { page: 'docs/design/merging.md', sections: ['order and epochs', 'the ledger'] },
    ]);
  });
});
