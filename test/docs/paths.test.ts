import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Paths in code style, with a folder or an ending; `<name>` stands for any name. */
const pathsIn = (page: string): string[] =>
  [...readFileSync(page, 'utf8').matchAll(/`((?:[\w.-]+\/)+[\w.-]*|[\w-]+\.(?:yml|md|json))[`\s]/g)].map(
    ([, path = '']) => path,
  );

it.each(['CONTRIBUTING.md', 'docs/design/architecture.md'])('%s names files and folders that exist', (page) => {
  const paths = pathsIn(page);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  expect(paths.length).toBeGreaterThan(10);
});
