import { beforeAll, describe } from 'vitest';
import { alarms } from './alarms.ts';
import { api } from './api.ts';
import { bundles } from './bundles.ts';
import { functions } from './functions.ts';
import { limits, limitsOfALargeStage } from './limits.ts';
import { memberAccounts } from './members.ts';
import { type PackagedStack, packageStack, rehearsal } from './packaged-stack.ts';
import { permissions } from './permissions.ts';
import { queues } from './queues.ts';
import { storage } from './storage.ts';

// One packaging serves every file of this folder: it takes longer than all that is asked of it.
let packaged: PackagedStack;
let rehearsed: PackagedStack;
const stack = () => packaged;

beforeAll(async () => {
  [packaged, rehearsed] = await Promise.all([packageStack(), packageStack(rehearsal())]);
});

describe('permissions', () => permissions(stack));
describe('member accounts', () => memberAccounts(stack, () => rehearsed));
describe('queues', () => queues(stack));
describe('functions', () => functions(stack));
describe('bundles', () => bundles(stack));
describe('tables, stream and bus', () => storage(stack));
describe('the HTTP API', () => api(stack));
describe('alarms', () => alarms(stack));
describe('limits', () => limits(stack));
describe('limits of a rehearsal', () => limits(() => rehearsed));
describe('limits of a large stage', () => limitsOfALargeStage(stack));
