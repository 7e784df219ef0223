import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

type Parameters = Record<string, string | number>;

const guide = readFileSync('docs/deploy.md', 'utf8');
const costs = readFileSync('docs/costs.md', 'utf8');
const { params } = parse(readFileSync('serverless.yml', 'utf8'), { logLevel: 'silent' }) as {
  params: Record<'default' | 'prod' | 'rehearsal', Parameters>;
};
const { default: usual, ...stages } = params;
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
    const start = guide.indexOf('\n## What may be set');
    const listed = [...guide.slice(start, guide.indexOf('\n### accounts')).matchAll(/^\| `(\w+)`/gm)];
    expect(listed.map(([, name]) => name).sort()).toEqual(Object.keys(usual).sort());
  });

  it.each(Object.entries(usual))('says the default of %s', (name, value) => {
    const said = rows.get(name)?.split('; ')[0];
    expect(said).toBe(inWords[name] ?? (value === '' ? 'none' : `\`${value}\``));
  });

  it.each(Object.keys(usual))('says in which stage %s is another', (name) => {
    const said = [...(rows.get(name) ?? '').matchAll(/`([^`]*)` in `(\w+)`/g)].map(([, value, stage]) => [
      stage,
      value,
    ]);
    const others = Object.entries<Parameters>(stages).flatMap(([stage, { [name]: value }]) =>
      value === undefined ? [] : [[stage, String(value)]],
    );
    expect(said).toEqual(others);
  });

  it('counts the concurrency that prod reserves', () => {
    const reserved = Number(params.prod.enrollConcurrency) + Number(params.prod.checkinConcurrency);
    expect(guide).toContain(
      `\`prod\` reserves ${reserved} of the account's concurrent executions, and Lambda keeps 100`,
    );
    expect(guide).toContain(`fewer than these ${reserved + 100}.`);
  });

  it('names the sums of docs/costs.md', () => {
    const sections = costs.split(/^## /m);
    const units = (heading: string): number => {
      const section = sections.find((part) => part.startsWith(heading)) ?? '';
      const rowsOfUnits = section.matchAll(/^\| \w+ \| [^|]+ \| (\d+) \|/gm);
      return [...rowsOfUnits].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const [, history] = /A life writes (\d+) units/.exec(costs) ?? [];
    expect(guide.replaceAll('\n', ' ')).toContain(
      `takes ${units('Adopted')} write units of DynamoDB if an enrollment key adopted it, and ${units('Launched')} if Muster launched it. Its history takes ${history} more.`,
    );
  });

  it('shows an example of accounts that is JSON', () => {
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(guide) ?? [];
    expect(Object.keys(JSON.parse(example))).toEqual(['111122223333']);
  });
});
