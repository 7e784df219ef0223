import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { problems } from '#shared/domain/problems.ts';
import { allRoutes } from '#shared/http/routes/index.ts';
import { json, table } from '../../docs/markdown.ts';
import { generatedPages } from '../../docs/pages.ts';

const pages = generatedPages();

it.each(Object.entries(pages))('%s says what the code says', (path, text) => {
  expect(readFileSync(path, 'utf8'), `${path} is out of date: npm run docs`).toBe(text);
});

describe('docs/api.md', () => {
  const page = pages['docs/api.md'] ?? '';

  it.each(allRoutes)('has a section about $method $path', ({ method, path }) => {
    expect(page).toContain(`\n### \`${method} ${path}\`\n`);
  });

  it.each(Object.keys(problems))('explains the code %s', (code) => {
    const [, table = ''] = page.split('\n## Problems\n');
    expect(table.split('\n').filter((line) => line.startsWith(`| \`${code}\` `))).toHaveLength(1);
  });

  it('links to headings that are there', () => {
    const headings = new Set([...page.matchAll(/^#+ (\w+)$/gm)].map(([, heading = '']) => heading.toLowerCase()));
    const links = [...page.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((anchor) => !headings.has(anchor))).toEqual([]);
    expect(links.length).toBeGreaterThan(10);
  });
});

it('keeps a bar within a cell from ending it', () => {
  expect(table(['a'], [['`x|y`']])).toBe('| a      |\n| ------ |\n| `x\\|y` |');
});

it('keeps short lists on one line, and long ones and lists of objects on several', () => {
  const long = Array.from({ length: 9 }, (_, i) => `number ${i}`);
  expect(json({ short: ['a', 'b'], objects: [{ a: 1 }] })).toContain('"short": ["a", "b"],\n  "objects": [\n');
  expect(json({ long })).toContain('[\n    "number 0",\n');
});
