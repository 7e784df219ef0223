import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const guide = readFileSync('docs/deploy.md', 'utf8');
const { params } = parse(readFileSync('serverless.yml', 'utf8'), { logLevel: 'silent' }) as {
  params: Record<'default' | 'prod', Record<string, string | number>>;
};
const rows = new Map(
  [...guide.matchAll(/^\| `(\w+)` +\| ([^|]*?) +\|/gm)].map(([, name = '', cell = '']) => [name, cell]),
);

/** Defaults that hold references, which CloudFormation resolves. */
const inWords: Record<string, string> = {
  accounts: "the stack's account and Region",
  audiences: "the API's own URL",
};

describe('docs/deploy.md', () => {
  it('lists the parameters of serverless.yml, and no others', () => {
    expect([...rows.keys()].sort()).toEqual(Object.keys(params.default).sort());
  });

  it.each(Object.entries(params.default))('says the default of %s', (name, value) => {
    const said = rows.get(name)?.split('; ')[0];
    expect(said).toBe(inWords[name] ?? (value === '' ? 'none' : `\`${value}\``));
  });

  it.each(Object.keys(params.default))('says what %s is in prod, where that differs', (name) => {
    const said = /`([^`]*)` in `prod`/.exec(rows.get(name) ?? '')?.[1];
    expect(said).toBe(params.prod[name] === undefined ? undefined : String(params.prod[name]));
  });

  it('shows an example of accounts that is JSON', () => {
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(guide) ?? [];
    expect(Object.keys(JSON.parse(example))).toEqual(['111122223333']);
  });
});
