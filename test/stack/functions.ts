import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import rows from '../../infra/functions.cjs';
import { allowsService, nameOf } from './cloudformation.ts';
import { functionNames, logicalId, type PackagedStack } from './packaged-stack.ts';

const sources = resolve(import.meta.dirname, '../../functions');
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A variable that only an emulator sets. */
const never = new Set(['AWS_ENDPOINT_URL_EC2']);

/** What a variable says, in every function that has it. */
const variables: Record<string, string> = {
  STAGE: 'prod',
  TIMING: '{}',
  HOME_ACCOUNT: 'AWS::AccountId',
  TABLE_NAME: 'MainTable',
  PRIVATE_TABLE_NAME: 'PrivateTable',
  BUS_NAME: 'Bus',
  VERIFY_QUEUE_URL: 'VerifyQueue',
  SWEEP_QUEUE_URL: 'SweepQueue',
  LAUNCH_QUEUE_URL: 'LaunchQueue',
  POLICY: '{"proofKinds":["iid-rsa2048"]}',
  EXTRA_ANCHORS: '[]',
};

export function functions(stack: () => PackagedStack): void {
  const properties = (name: string, resources = stack().resources) =>
    resources[`${logicalId(name)}LambdaFunction`]!.Properties;

  it('are these and no others', () => {
    const ids = Object.keys(stack().resources).filter((id) => stack().resources[id]?.Type === 'AWS::Lambda::Function');
    expect(ids.sort()).toEqual(functionNames.map((name) => `${logicalId(name)}LambdaFunction`).sort());
  });

  it.each(functionNames)('%s runs on Node 24 and arm64, traced, with logs that end', (name) => {
    const { Runtime, Architectures, TracingConfig, Handler } = properties(name);
    expect({ Runtime, Architectures, TracingConfig, Handler }).toEqual({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      TracingConfig: { Mode: 'Active' },
      Handler: `functions/${kebab(name)}.handler`,
    });
    expect(stack().resources[`${logicalId(name)}LogGroup`]?.Properties.RetentionInDays).toBe(90);
  });

  it.each(functionNames)('%s is given the variables that it reads and no other', (name) => {
    const source = readFileSync(join(sources, `${kebab(name)}.ts`), 'utf8');
    const read = [...source.matchAll(/'([A-Z][A-Z0-9_]+)'/g)].map(([, variable = '']) => variable);
    const expected = new Set(['STAGE', 'TIMING', ...read.filter((variable) => !never.has(variable))]);
    expect(Object.keys(properties(name).Environment.Variables).sort()).toEqual([...expected].sort());
  });

  it.each(functionNames)('%s is told of the things that its variables say', (name) => {
    const given = Object.entries<object | string>(properties(name).Environment.Variables);
    const told = given
      .filter(([variable]) => variable in variables)
      .map(([variable, value]) => [variable, nameOf(value)]);
    expect(told).toEqual(told.map(([variable = '']) => [variable, variables[variable]]));
    // The tests of routes, rules and schedules say what these are
    const others = ['ACCOUNTS', 'AUDIENCES', 'EVENT_SOURCE', 'TEST_ANCHORS', 'SWEEP_PERIOD_SECONDS'];
    expect(given.map(([variable]) => variable).filter((one) => !(one in variables || others.includes(one)))).toEqual(
      [],
    );
  });

  it.each(functionNames)('%s ends before whoever waits for it gives up', (name) => {
    const { api, schedule, timeout } = rows.find((row) => row.name === name)!;
    expect(properties(name).Timeout).toBe(timeout);
    // apigateway/latest/developerguide/http-api-quotas.html; the tick must not meet the next one
    if (api) expect(timeout).toBeLessThan(30);
    if (schedule) expect(timeout).toBeLessThan(60);
  });

  it.each([
    ['enroll', 'EnrollConcurrency'],
    ['checkin', 'CheckinConcurrency'],
  ])('%s has concurrency reserved in production, and none where the stage names none', (name, parameter) => {
    expect(properties(name).ReservedConcurrentExecutions).toEqual({ Ref: parameter });
    expect(Number(stack().parameters[parameter])).toBeGreaterThan(0);
    const without = properties(name, stack().withParameters({ [parameter]: '' }));
    expect(without).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  it('runs the tick every minute and the sweep in the period that it is told, neither ever retried', () => {
    const rate = (id: string) => stack().resources[`${id}EventsRuleSchedule1`]?.Properties.ScheduleExpression;
    expect([rate('Tick'), rate('Sweep')]).toEqual(['rate(1 minute)', 'rate(5 minutes)']);
    expect(properties('sweep').Environment.Variables.SWEEP_PERIOD_SECONDS).toBe(String(5 * 60));
    for (const id of ['TickLambdaEvConf', 'SweepLambdaEvConf']) {
      // What is throttled would else be tried for six hours, and come when nobody needs it
      expect(stack().resources[id]?.Properties).toMatchObject({
        MaximumRetryAttempts: 0,
        MaximumEventAgeInSeconds: 60,
      });
    }
  });

  it.each(['Tick', 'Sweep'])('keeps what EventBridge could not hand to %s, from the schedules’ rules alone', (id) => {
    const rule = `${id}EventsRuleSchedule1`;
    const [target, ...others] = stack().resources[rule]!.Properties.Targets;
    expect(others).toEqual([]);
    expect(nameOf(target.Arn)).toBe(`${id}LambdaFunction`);
    expect(nameOf(target.DeadLetterConfig.Arn)).toBe('MissedSchedules');
    expect(target.RetryPolicy).toEqual({ MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 60 });
    const { PolicyDocument } = stack().resources.MissedSchedulesPolicy!.Properties;
    const sending = { action: 'sqs:SendMessage', resource: 'MissedSchedules' };
    const by = (arn: string) =>
      allowsService(PolicyDocument, 'events.amazonaws.com', sending, { 'aws:SourceArn': arn });
    expect([by(rule), by('AnotherRule')]).toEqual([true, false]);
  });

  it('every rule keeps what it cannot deliver, and says for how long it tries', () => {
    const rules = Object.entries(stack().resources).filter(([, { Type }]) => Type === 'AWS::Events::Rule');
    expect(rules).toHaveLength(4);
    for (const [, { Properties }] of rules) {
      for (const target of Properties.Targets) {
        expect(target).toMatchObject({
          DeadLetterConfig: {},
          RetryPolicy: { MaximumEventAgeInSeconds: expect.any(Number) },
        });
      }
    }
  });

  it('listens to EC2 alone', () => {
    expect(properties('onInstanceChanged').Environment.Variables.EVENT_SOURCE).toBe('aws.ec2');
    expect(properties('enroll').Environment.Variables.TEST_ANCHORS).toBe('');
  });
}
