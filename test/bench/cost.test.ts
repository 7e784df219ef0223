import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describesPerLife } from '../../bench/describes.ts';
import { billOf, history, type Origin, records, rowsOf, type Spent, spentOnLife } from '../../bench/life-cycle.ts';
import { type Dynamo, startDynamo } from '../contracts/dynamodb.ts';

const costs = readFileSync(new URL('../../docs/costs.md', import.meta.url), 'utf8');

/** The rows of the table under a heading of docs/costs.md, without the column that says why. */
function documented(heading: string): string[] {
  const section = costs.split('\n## ').find((text) => text.startsWith(heading)) ?? '';
  const rows = section.split('\n').filter((line) => /^\| [a-z]+[A-Z]?\w* \| .* \| \d+ \|/.test(line));
  return rows.map((row) => row.split('|').slice(0, 4).join('|').concat('|'));
}

let dynamo: Dynamo;
const lives = new Map<Origin, Spent[]>();
beforeAll(async () => {
  dynamo = await startDynamo();
  for (const origin of ['adopted', 'launched'] as const) {
    lives.set(origin, await spentOnLife(dynamo.client, origin, await records(dynamo.client)));
  }
});
afterAll(() => dynamo.stop());
const spent = (origin: Origin) => lives.get(origin)!;

describe('a life of eight events', () => {
  it.each([
    ['adopted', { life: 16, beside: 8, launch: 0 }],
    ['launched', { life: 12, beside: 5, launch: 14 }],
  ] as const)('%s costs what it always did, and no event reads anything', (origin, units) => {
    expect(billOf(spent(origin))).toMatchObject({ ...units, hotReads: 0 });
  });

  it.each([
    ['adopted', 'Adopted with an enrollment key'],
    ['launched', 'Launched by Muster'],
  ] as const)('%s costs, write by write, what docs/costs.md says', (origin, heading) => {
    expect(rowsOf(spent(origin))).toEqual(documented(heading));
  });

  it.each(['adopted', 'launched'] as const)(
    '%s leaves a history of at most twelve units, and of the documented cost',
    async (origin) => {
      const told = await spentOnLife(dynamo.client, origin, await history(dynamo.client));
      const units = told.reduce((sum, { writes }) => sum + writes, 0);
      expect(units).toBeLessThanOrEqual(12);
      expect(costs).toContain(`A life writes ${units} units, adopted or launched.`);
      // One unit for each item: none is larger than a kilobyte
      expect(new Set(told.flatMap(({ items }) => items)).size).toBe(units);
    },
  );

  it.each([
    ['adopted', 0.01],
    ['launched', 0],
  ] as const)('%s asks EC2 no more than two times in a hundred lives', async (origin, calls) => {
    expect(await describesPerLife(origin)).toBe(calls);
  });
});
