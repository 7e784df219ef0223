import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { functionNames } from '#local/topology.ts';
import makeResources from '../../infra/function-resources.cjs';
import rows from '../../infra/functions.cjs';

const handlers = readdirSync('functions')
  .filter((file) =>
    /^export const handler\b|^export const \{[^}]*\bhandler\b/m.test(readFileSync(`functions/${file}`, 'utf8')),
  )
  .map((file) => file.replace(/\.ts$/, ''));

describe('the table of functions', () => {
  it('has a row for each file that exports a handler, and no other row', () => {
    expect(handlers.length).toBeGreaterThan(5);
    expect(rows.map(({ handler }) => handler).sort()).toEqual(handlers.sort());
  });

  it('has the functions that the local region knows by name', () => {
    expect(rows.map(({ name }) => name).sort()).toEqual([...functionNames].sort());
  });

  it.each(rows)('gives $name one trigger', ({ queue, schedule, stream, api }) => {
    expect([queue, schedule, stream, api].filter((trigger) => trigger !== undefined)).toHaveLength(1);
  });

  it('watches the throttles of twelve functions by alarms of at most ten metrics', () => {
    const names = Array.from({ length: 12 }, (_, index) => ({ name: `function${index}` }));
    const alarms = makeResources.throttlesAlarms(names, 'prod');
    const watched = Object.entries(alarms).map(([id, { Properties }]) => [
      ...[id, Properties.AlarmName],
      Properties.Metrics.slice(1).map((metric) => metric.Id),
    ]);
    const ids = names.map(({ name }) => name);
    expect(watched).toEqual([
      ['ThrottlesAlarm', 'muster-prod-throttles', ids.slice(0, 10)],
      ['Throttles2Alarm', 'muster-prod-throttles-2', ids.slice(10)],
    ]);
  });
});
