import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commandsOf } from '../deployed/documented-commands.ts';

const page = readFileSync('docs/first-day.md', 'utf8');
const runbook = readFileSync('docs/runbook.md', 'utf8').replaceAll('<stage>', 'prod');

it('docs/first-day.md has a command in every step but the ones that another page describes', () => {
  const steps = page.split(/^## /m).slice(1);
  expect(steps.map((step) => step.split('.')[0])).toEqual(steps.map((_, index) => String(index + 1)));
  for (const step of steps) expect(commandsOf(step).length, step.split('\n')[0]).toBeGreaterThan(0);
});

it('docs/first-day.md names alarms that the runbook has', () => {
  const named = [...page.matchAll(/muster-prod-[a-z-]+/g)].map(([name]) => name);
  const alarms = named.filter((name) => !/^muster-prod-(verify|tick)$/.test(name));
  expect(alarms.length).toBeGreaterThan(4);
  expect(alarms.filter((name) => !runbook.includes(`\`${name}\``))).toEqual([]);
});
