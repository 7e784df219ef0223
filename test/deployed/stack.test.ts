import { afterAll, beforeAll, describe } from 'vitest';
import { type DeployedStack, deployedStack } from './deployed-stack.ts';
import { door } from './door.ts';
import { failures } from './failures.ts';
import { operatorRoutes } from './operator-routes.ts';
import { queueGuards } from './queue-guards.ts';
import { redrive } from './redrive.ts';
import { roleBoundaries } from './role-boundaries.ts';

// One deployment serves every file of this list: it takes longer than most of what is asked of it.
let deployed: DeployedStack;
const stack = () => deployed;

beforeAll(async () => {
  deployed = await deployedStack();
});
afterAll(() => deployed?.close());

describe('the emulator’s door', () => door(stack));
describe('the operator’s routes', () => operatorRoutes(stack));
describe('the roles', () => roleBoundaries(stack));
describe('the queues', () => queueGuards(stack));
describe('dead letters', () => redrive(stack));
describe('failures', () => failures(stack));
