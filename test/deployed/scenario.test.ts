import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chapters } from '#local/scenario/chapters.ts';
import { playScenario, type Row, type Verdict } from '#local/scenario/play.ts';
import { type Engine, simulatedStage } from '#local/scenario/simulated-stage.ts';
import type { ShownInstance } from '#local/scenario/stage.ts';
import { patienceSeconds, stackName } from '#local/stack/settings.ts';
import { freePort, ownFolder, startMuster } from '../e2e/muster-process.ts';
import { functionNames } from '../stack/packaged-stack.ts';
import { type DeployedStack, deployedStack } from './deployed-stack.ts';
import { deployedName, type FunctionRole, functionRoles } from './function-roles.ts';
import { type Use, usedBy } from './trail.ts';
import { unusedGrants } from './unused-grants.ts';

let stack: DeployedStack;
let roles: FunctionRole[];
let verdict: Verdict;
/** Each function's code before and after the new version. */
let code: Record<'before' | 'after', (string | undefined)[]>;
/** What each function called, EC2 included. */
const used = new Map<string, Set<string>>();
/** The requests to DynamoDB that each function made. */
const named = new Map<string, Use[]>();

/** The demonstration, and in its middle an emulator that is restarted and a new version that is deployed. */
beforeAll(async () => {
  stack = await deployedStack();
  roles = await functionRoles(stack);
  const before = await codeOf(stack);
  let interruption: Promise<void> | undefined;
  const operator = operatorOf(stack);
  const interrupt = async () => {
    await operator.pauseFor(async () => {
      await launchesSent(stack);
      await lookAtTrail(); // the emulator forgets it
      await stack.restart();
    });
    await newVersion(stack);
  };
  const stage = simulatedStage({ ...stack, request: operator.request }, patienceSeconds);
  verdict = await playScenario(stage, () => {
    interruption ??= interrupt();
  });
  await interruption;
  await lookAtTrail();
  code = { before, after: await codeOf(stack) };
}, 900_000);

afterAll(() => stack?.close());

/**
 * An operator who sends no request while the emulator restarts. A person repeats a request that failed; a chapter does not.
 * Events and agents meet the restart unprepared.
 */
function operatorOf({ request }: Engine) {
  const underWay = new Set<Promise<Response>>();
  let pause = Promise.resolve();
  return {
    async request(...args: Parameters<Engine['request']>): Promise<Response> {
      await pause;
      const answer = request(...args);
      underWay.add(answer);
      return answer.finally(() => underWay.delete(answer));
    },
    pauseFor(work: () => Promise<void>): Promise<void> {
      const before = [...underWay];
      pause = Promise.allSettled(before).then(work);
      return pause;
    },
  };
}

/** Resolves when no launch waits for its function: on a slow machine all launches are sent just before the restart. */
async function launchesSent({ root }: DeployedStack): Promise<void> {
  const sqs = new SQSClient(root);
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: `${stackName}-launch` }));
  const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const isEmpty = async () => {
    const asked = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] });
    const { Attributes = {} } = await sqs.send(asked);
    return AttributeNames.every((name) => Attributes[name] === '0');
  };
  await vi.waitUntil(isEmpty, { timeout: 120_000, interval: 500 });
}

async function lookAtTrail(): Promise<void> {
  for (const { name, credentials } of roles) {
    const calls = used.get(name) ?? new Set();
    const uses = await usedBy(stack, credentials.accessKeyId);
    for (const { action } of uses) calls.add(action);
    named.set(name, [...(named.get(name) ?? []), ...uses.filter(({ action }) => action.startsWith('dynamodb:'))]);
    for (const operation of stack.cloud.calls.get(credentials.accessKeyId) ?? []) calls.add(`ec2:${operation} on *`);
    used.set(name, calls);
  }
}

async function codeOf({ root }: DeployedStack): Promise<(string | undefined)[]> {
  const lambda = new LambdaClient(root);
  const configurations = functionNames.map((name) =>
    lambda.send(new GetFunctionConfigurationCommand({ FunctionName: deployedName(name) })),
  );
  return (await Promise.all(configurations)).map(({ CodeSha256 }) => CodeSha256);
}

/** The same sources, bundled in another way: other bytes that do the same. */
async function newVersion({ folder, deploy }: DeployedStack): Promise<void> {
  const file = join(folder, 'service', 'serverless.yml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('minify: true', 'minify: false'));
  await deploy();
}

describe('the demonstration, with a restart and a new version in its middle', () => {
  it.each(chapters.map(({ name }) => name))('%s ends as it should', (name) => {
    const row = verdict.scenario.find((one) => one.name === name)!;
    // A restart may lose an event, as EC2 may: what its history tells is then what a describe told
    expect(asCompared(row)).toEqual(asCompared({ ...row, ended: row.expected }));
    expect(row.ended).not.toContain('the bus told');
  });

  it('was played by two versions of every function', () => {
    expect(code.before.every((sha) => sha !== undefined)).toBe(true);
    for (const [index, sha] of code.before.entries()) expect(code.after[index], functionNames[index]).not.toBe(sha);
  });

  it('was told to whoever listens on the bus', async () => {
    const enrolled = verdict.instances.filter(({ management }) => management === 'enrolled');
    const discovered = verdict.instances.filter(({ management }) => management === 'discovered-only');
    expect([enrolled, discovered].map(({ length }) => length)).not.toContain(0);
    await vi.waitFor(
      async () => {
        for (const { instanceId } of enrolled) expect(await told('Instance Enrolled')).toContain(instanceId);
        for (const { instanceId } of discovered) expect(await told('Instance Discovered-Only')).toContain(instanceId);
      },
      { timeout: 120_000, interval: 500 },
    );
  });
});

it('ends in the table that npm start -- --once ends in', { timeout: 600_000 }, async (test) => {
  const local = startMuster(['--once', '--json'], { folder: ownFolder('scenario', test), port: await freePort() });
  await local.exited;
  const { scenario } = JSON.parse(local.stdout()) as Verdict;
  expect(scenario.map(asCompared)).toEqual(verdict.scenario.map(asCompared));
});

/** The ids of the instances of which the bus told this. */
async function told(type: string): Promise<(string | undefined)[]> {
  const lines = (await readFile(join(stack.folder, 'consumed.jsonl'), 'utf8')).trim().split('\n');
  const events = lines.map((line) => JSON.parse(line) as { 'detail-type': string; detail: { data: ShownInstance } });
  return events.filter((event) => event['detail-type'] === type).map(({ detail }) => detail.data.instanceId);
}

/** By name, state, management, attached or not. */
const asCompared = ({ name, ended }: Row) => [name, ...ended.split(', ').slice(0, 3)];

describe('least privilege', () => {
  const roleOf = (name: string) => roles.find((role) => role.name === name)!;
  const isCalled = (name: string, grant: string) => [...(used.get(name) ?? [])].some((call) => covers(grant, call));
  const isExcepted = (name: string, grant: string) =>
    unusedGrants.some(
      (one) => one.grant.test(grant) && (one.of === 'every function' || one.of.includes(name as never)),
    );

  it.each(functionNames)('%s calls all that it is granted, but for what is listed', (name) => {
    const { grants } = roleOf(name);
    expect(grants).not.toEqual([]);
    expect(grants.filter((grant) => !isCalled(name, grant) && !isExcepted(name, grant))).toEqual([]);
  });

  it.each(functionNames)('%s calls nothing that it is not granted', (name) => {
    const { grants } = roleOf(name);
    expect([...used.get(name)!].filter((call) => !grants.some((grant) => covers(grant, call)))).toEqual([]);
  });

  // The emulator knows no leading keys: what its roles say of them is compared here as AWS would.
  it.each(functionNames)('%s names no item that the leading keys of its role keep from it', (name) => {
    const { leadingKeys } = roleOf(name);
    const kept = (named.get(name) ?? []).filter(({ action, leadingKey }) => {
      const patterns = [...leadingKeys].filter(([grant]) => covers(grant, action)).flatMap(([, keys]) => keys);
      return patterns.length > 0 && !patterns.some((pattern) => isLike(leadingKey, pattern));
    });
    expect(kept).toEqual([]);
  });

  it('saw functions name items that leading keys allow', () => {
    const seen = functionNames.filter((name) => (named.get(name) ?? []).some(({ leadingKey }) => leadingKey));
    expect(seen.toSorted()).toEqual(functionNames.toSorted());
  });

  it.each(unusedGrants)('still needs the exception $grant', ({ grant, of, sometimes }) => {
    const names = of === 'every function' ? functionNames : of;
    for (const name of names) {
      const meant = roleOf(name).grants.filter((one) => grant.test(one));
      expect(meant, name).not.toEqual([]);
      expect(
        meant.filter((one) => !sometimes && isCalled(name, one)),
        name,
      ).toEqual([]);
    }
  });
});

/** IAM's StringLike with stars alone (IAM/latest/UserGuide/reference_policies_elements_condition_operators.html). */
const isLike = (key: string | undefined, pattern: string): boolean =>
  key !== undefined && (pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern);

/** Whether a call, by its resource's name, is what a grant, by its resource's ARN, allows. */
function covers(grant: string, call: string): boolean {
  const [action = '', arn = ''] = grant.split(' on ');
  const [called, name = ''] = call.split(' on ');
  if (action.replace(/\*$/, '') !== called) return false;
  return arn === '*' || name === '*' || [':', '/'].some((separator) => arn.endsWith(separator + name));
}
