import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { functionNames, logicalId, type PackagedStack } from './packaged-stack.ts';

const sources = resolve(import.meta.dirname, '../../functions');
const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A variable that only an emulator sets. */
const never = new Set(['AWS_ENDPOINT_URL_EC2']);

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
      expect(stack().resources[id]?.Properties.MaximumRetryAttempts).toBe(0);
    }
  });

  it('listens to EC2 alone', () => {
    expect(properties('onInstanceChanged').Environment.Variables.EVENT_SOURCE).toBe('aws.ec2');
    expect(properties('enroll').Environment.Variables.TEST_ANCHORS).toBe('');
  });
}
