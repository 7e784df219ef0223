import { expect, it } from 'vitest';
import { nameOf } from './cloudformation.ts';
import { functionNames, logicalId, type PackagedStack } from './packaged-stack.ts';

interface Watched {
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

const deadLetters = ['InstanceEventsDeadLetters', 'VerifyDeadLetters', 'SweepDeadLetters', 'LaunchDeadLetters'];
const queues = ['InstanceEventsQueue', 'VerifyQueue', 'SweepQueue', 'LaunchQueue'];

/** `<metric> of <what>` for everything that has an alarm. */
const watched = [
  ...deadLetters.map((id) => `ApproximateNumberOfMessagesVisible of ${id}.QueueName`),
  ...queues.map((id) => `ApproximateAgeOfOldestMessage of ${id}.QueueName`),
  ...functionNames.map((name) => `Errors of ${logicalId(name)}LambdaFunction`),
  ...functionNames.map((name) => `Throttles of ${logicalId(name)}LambdaFunction`),
  'IteratorAge of OnRecordChangedLambdaFunction',
  'OnFailureDestinationDeliveredEventCount of OnRecordChangedEventSourceMappingDynamodbMainTable',
  'DestinationDeliveryFailures of OnRecordChangedLambdaFunction',
  'DroppedEventCount of OnRecordChangedEventSourceMappingDynamodbMainTable',
  'Count of HttpApi',
  '4xx of HttpApi',
  'ApproximateNumberOfMessagesVisible of MissedSchedules.QueueName',
  'Invocations of SweepLambdaFunction',
  'Invocations of TickLambdaFunction',
  'MassRemovalWithheld of prod',
  'RequestFailed of prod',
  'TerminatedUndone of prod',
  'TerminationInferredWrongly of prod',
  'DueFailed of prod',
  'EnrollmentRefused of prod',
  'IdentityConflict of prod',
  'CheckinBegunAnew of prod',
  'IdentityKeyEnding of prod',
  'LaunchFailed of prod',
  'SweepRepaired of prod',
  'EventsNotArriving of prod',
  'AgentSilent of prod',
  'AgentExpected of prod',
];

export function alarms(stack: () => PackagedStack): void {
  const all = () => Object.entries(stack().resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');
  const metricsOf = ({ Metrics, MetricName, Dimensions }: { Metrics?: object[] } & Watched) =>
    (Metrics ?? [{ MetricStat: { Metric: { MetricName, Dimensions } } }])
      .flatMap((metric) => ('MetricStat' in metric ? [(metric.MetricStat as { Metric: Watched }).Metric] : []))
      .map((metric) => `${metric.MetricName} of ${nameOf(metric.Dimensions[0]!.Value)}`);

  it.each(watched)('watches %s', (metric) => {
    expect(all().flatMap(([, { Properties }]) => metricsOf(Properties))).toContain(metric);
  });

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
