import { expect, it } from 'vitest';
import { always, during, every, type Metrics, rings, type Samples } from './alarm-states.ts';
import { nameOf } from './cloudformation.ts';
import { functionNames, logicalId, type PackagedStack } from './packaged-stack.ts';

interface Watched {
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

/** Metrics of one thing: `Errors` of a function, and the like. */
const of = (what: string, metrics: Readonly<Record<string, Samples>>): Metrics =>
  Object.fromEntries(Object.entries(metrics).map(([metric, samples]) => [`${metric} of ${what}`, samples]));
const functionOf = (name: string): string => `${logicalId(name)}LambdaFunction`;
const [stage, stream] = ['prod', 'OnRecordChangedEventSourceMappingDynamodbMainTable'];

/** Two minutes of three, and one: what lasts no longer is no reason to wake anybody. */
const [lasting, passing] = [
  [10, 12],
  [10, 11],
] as const;

/** Of each alarm: what rings it within an hour, and what is nearest to that and does not. */
interface AlarmCase {
  id: string;
  rings: Metrics;
  silent: readonly Metrics[];
}

/** One is too many. */
const onAny = (id: string, metric: string, what: string): AlarmCase => ({
  id,
  rings: of(what, { [metric]: during(passing, [0, 1], [0]) }),
  silent: [of(what, { [metric]: always(0) }), {}],
});

/** More than a number, for two minutes of three. */
function onMore(id: string, metric: string, what: string, most: number): AlarmCase {
  const reached = (value: number, minutes: readonly [number, number]) =>
    of(what, { [metric]: during(minutes, [0, value], [0]) });
  return {
    id,
    rings: reached(most + 1, lasting),
    silent: [reached(most, lasting), reached(most * 9 + 9, passing), {}],
  };
}

/** More than one invocation in twenty, for two periods of three. */
function onErrors(name: string): AlarmCase {
  const failing = (Errors: Samples, Invocations: Samples) => of(functionOf(name), { Errors, Invocations });
  return {
    id: `${logicalId(name)}ErrorsAlarm`,
    rings: failing(always(6), always(100)),
    silent: [failing(always(5), always(100)), failing(every(60, 100), always(100)), {}],
  };
}

/** A function on schedule has one invocation in a period, and none between two. */
const onEveryError = ([name, minutes]: readonly [string, number]): AlarmCase => ({
  id: `${logicalId(name)}ErrorsAlarm`,
  rings: of(functionOf(name), { Errors: every(minutes, 1), Invocations: every(minutes, 1) }),
  silent: [of(functionOf(name), { Errors: every(60, 1), Invocations: every(minutes, 1) })],
});

/** No invocation for a while: silence rings it, and one that is late does not. */
const onSilence = (name: string, { period, late, until }: Readonly<Record<string, number>>): AlarmCase => ({
  id: `${logicalId(name)}AbsentAlarm`,
  rings: of(functionOf(name), { Invocations: (minute) => (minute < until! && minute % period! === 0 ? [1] : []) }),
  silent: [of(functionOf(name), { Invocations: every(late!, 1) })],
});

/** Requests that reached no function. Too few are no share of anything. */
function onTurnedAway(name: string): AlarmCase[] {
  const counts = (requests: number, reached: Samples): Metrics => ({
    ...of('HttpApi', { Count: always(requests) }),
    ...of(functionOf(name), { Invocations: reached }),
  });
  const none = always();
  return [
    {
      id: `${logicalId(name)}TurnedAwayAlarm`,
      rings: counts(100, always(94)),
      silent: [counts(100, always(95)), counts(4, none), {}],
    },
    { id: `${logicalId(name)}TurnedAwayAlarm`, rings: counts(5, none), silent: [] },
  ];
}

const deadLetters = ['InstanceEventsDeadLetters', 'VerifyDeadLetters', 'SweepDeadLetters', 'LaunchDeadLetters'];
const ages = { InstanceEvents: 120, Verify: 300, Sweep: 900, Launch: 120 };

const cases: readonly AlarmCase[] = [
  ...[...deadLetters, 'MissedSchedules'].map((id) =>
    onAny(`${id}Alarm`, 'ApproximateNumberOfMessagesVisible', `${id}.QueueName`),
  ),
  ...Object.entries(ages).map(([id, seconds]) =>
    onMore(`${id}QueueAgeAlarm`, 'ApproximateAgeOfOldestMessage', `${id}Queue.QueueName`, seconds),
  ),
  ...functionNames.map(onErrors),
  ...[['tick', 1] as const, ['sweep', 5] as const, ['sweepRegion', 5] as const].map(onEveryError),
  // An alarm takes ten metrics
  ...functionNames.map((name, nth) =>
    onMore(nth < 10 ? 'ThrottlesAlarm' : 'Throttles2Alarm', 'Throttles', functionOf(name), 0),
  ),
  // Half an hour without a sweep, a quarter of one without a tick
  onSilence('sweep', { period: 5, late: 10, until: 30 }),
  onSilence('tick', { period: 1, late: 3, until: 45 }),
  onMore('StreamAgeAlarm', 'IteratorAge', functionOf('onRecordChanged'), 60_000),
  onAny('RecordsNotToldAlarm', 'OnFailureDestinationDeliveredEventCount', stream),
  onAny('RecordsLostAlarm', 'DroppedEventCount', stream),
  onAny('RecordsLostAlarm', 'DestinationDeliveryFailures', functionOf('onRecordChanged')),
  ...['enroll', 'checkin'].flatMap(onTurnedAway),
  {
    id: 'ApiRefusesAlarm',
    rings: of('HttpApi', { Count: always(100), '4xx': always(26) }),
    silent: [
      of('HttpApi', { Count: always(100), '4xx': always(25) }),
      of('HttpApi', { Count: always(20), '4xx': always(20) }),
      of('HttpApi', { Count: always(100) }),
    ],
  },
  ...['MassRemovalWithheld', 'RequestFailed', 'InstanceUnreadable', 'TerminatedUndone', 'TerminationInferredWrongly']
    .concat('DueFailed', 'IdentityConflict', 'CheckinBegunAnew', 'IdentityKeyEnding', 'LaunchFailed')
    .concat('EventsNotArriving')
    .map((metric) => onAny(`${metric}Alarm`, metric, stage)),
  {
    id: 'EnrollmentsRefusedAlarm',
    rings: of(stage, { EnrollmentRefused: during([10, 15], [20, 1]) }),
    silent: [of(stage, { EnrollmentRefused: always(20) })],
  },
  {
    id: 'SweepRepairedAlarm',
    rings: of(stage, { SweepRepaired: every(5, 2, 2) }),
    silent: [of(stage, { SweepRepaired: every(5, 3) })],
  },
  {
    id: 'AgentsSilentAlarm',
    rings: of(stage, { AgentExpected: every(5, 100), AgentSilent: every(5, 11) }),
    silent: [of(stage, { AgentExpected: every(5, 100), AgentSilent: every(5, 10) }), {}],
  },
];

export function alarms(stack: () => PackagedStack): void {
  const all = () => Object.entries(stack().resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');
  const metricsOf = ({ Metrics, MetricName, Dimensions }: { Metrics?: object[] } & Watched) =>
    (Metrics ?? [{ MetricStat: { Metric: { MetricName, Dimensions } } }])
      .flatMap((metric) => ('MetricStat' in metric ? [(metric.MetricStat as { Metric: Watched }).Metric] : []))
      .map((metric) => `${metric.MetricName} of ${nameOf(metric.Dimensions[0]!.Value)}`);

  it.each(functionNames)('takes the failures of %s as a share of its invocations', (name) => {
    const { Metrics, Threshold } = stack().resources[`${logicalId(name)}ErrorsAlarm`]!.Properties;
    expect(Metrics[0].Expression).toBe('100 * errors / invocations');
    expect(metricsOf({ Metrics } as never)).toEqual(
      ['Errors', 'Invocations'].map((metric) => `${metric} of ${logicalId(name)}LambdaFunction`),
    );
    expect(Threshold).toBe(5);
  });

  it.each([
    ['EnrollTurnedAwayAlarm', 'Enroll', '/v1/enroll'],
    ['CheckinTurnedAwayAlarm', 'Checkin', '/v1/checkin'],
  ])('%s compares the requests of the route with the invocations of its function', (id, name, path) => {
    const { Metrics, Threshold } = stack().resources[id]!.Properties;
    const [percent, requests, invocations] = Metrics;
    expect(percent.Expression).toBe('IF(requests > 20, 100 * (requests - FILL(invocations, 0)) / requests, 0)');
    expect(Threshold).toBe(5);
    // A metric has values only under exactly these dimensions: apigateway/latest/developerguide/http-api-metrics.html
    const { Dimensions } = requests.MetricStat.Metric;
    expect(Object.fromEntries(Dimensions.map(({ Name, Value }: Watched['Dimensions'][0]) => [Name, Value]))).toEqual({
      ApiId: { Ref: 'HttpApi' },
      Stage: '$default',
      Method: 'POST',
      Resource: path,
    });
    const stage = stack().resources.HttpApiStage!.Properties;
    expect(stage.StageName).toBe('$default');
    expect(stage.RouteSettings[`POST ${path}`].DetailedMetricsEnabled).toBe(true);
    expect(nameOf(invocations.MetricStat.Metric.Dimensions[0].Value)).toBe(`${name}LambdaFunction`);
  });

  it.each(cases)('$id rings for what it is for, and for nothing less', ({ id, rings: what, silent }) => {
    const alarm = stack().resources[id]!.Properties;
    expect(rings(alarm, what)).toBe(true);
    expect(silent.filter((less) => rings(alarm, less))).toEqual([]);
  });

  it('has such a case for every alarm', () => {
    expect(new Set(cases.map(({ id }) => id))).toEqual(new Set(all().map(([id]) => id)));
  });

  it('takes silence for a fault where a schedule should be heard of, and nowhere else', () => {
    const silent = all().filter(([, { Properties }]) => Properties.TreatMissingData === 'breaching');
    expect(silent.map(([id]) => id).sort()).toEqual(['SweepAbsentAlarm', 'TickAbsentAlarm']);
    expect(all().filter(([, { Properties }]) => Properties.TreatMissingData === undefined)).toEqual([]);
  });

  it('says in each where the runbook goes on', () => {
    for (const [, { Properties }] of all())
      expect(Properties.AlarmDescription).toMatch(/See docs\/runbook\.md, ".+"\.$/);
  });

  it('notifies the topic that the stage names, and nobody by default', () => {
    const topic = 'arn:aws:sns:us-east-1:111122223333:on-call';
    const told = Object.values(stack().withParameters({ AlarmTopicArn: topic })).filter(
      ({ Type }) => Type === 'AWS::CloudWatch::Alarm',
    );
    expect(told).toHaveLength(all().length);
    for (const { Properties } of told) expect(Properties.AlarmActions).toEqual([{ Ref: 'AlarmTopicArn' }]);
    for (const [, { Properties }] of all()) expect(Properties.AlarmActions).toEqual([]);
  });
}
