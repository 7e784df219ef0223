import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clone, makeClone } from './clone.ts';
import { deploySteps, removalSteps } from './deploy-page.ts';
import { deployerPolicy } from './deployer-policy.ts';
import { commandsOf } from './documented-commands.ts';
import { firstDaySteps, identitySteps, runbookSteps } from './other-pages.ts';
import { play } from './steps.ts';

// What the pages tell people to type, as it stands there and in the order of the page. One deployment serves them all; what the page
// ends with, the removal, ends it.
let made: Clone;
const clone = () => made;

beforeAll(async () => {
  made = await makeClone();
});
afterAll(() => made?.stack.close());

const deploy = deploySteps(clone);
const runbook = runbookSteps(clone);
const identity = identitySteps(clone);
const removal = removalSteps(clone);

it.each([
  { page: 'docs/deploy.md', steps: [...deploy, ...removal] },
  { page: 'docs/identity.md', steps: identity },
  { page: 'docs/runbook.md', steps: runbook },
  { page: 'docs/first-day.md', steps: firstDaySteps },
])('$page has the commands that are run or listed here, in this order', ({ page, steps }) => {
  const text = readFileSync(resolve(import.meta.dirname, '../..', page), 'utf8');
  expect(commandsOf(text)).toEqual(steps.map(({ command }) => command));
});

describe('docs/deploy.md', () => play(deploy, clone));
describe('docs/runbook.md', () => play(runbook, clone));
describe('docs/identity.md', () => play(identity, clone));
describe('docs/first-day.md', () => play(firstDaySteps, clone));
describe('infra/deployer-policy.json', () => deployerPolicy(clone));
describe('docs/deploy.md, its end', () => play(removal, clone));
