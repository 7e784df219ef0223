const { gatewayRoutes } = require('../shared/http/routes/index.ts');
const rows = require('./functions.cjs');

const logicalId = (name) => name[0].toUpperCase() + name.slice(1);
const getAtt = (id, attribute) => ({ 'Fn::GetAtt': [id, attribute] });
const noValue = { Ref: 'AWS::NoValue' };
const ofFunction = (name) => [{ Name: 'FunctionName', Value: { Ref: `${logicalId(name)}LambdaFunction` } }];
const ofQueue = (id) => [{ Name: 'QueueName', Value: getAtt(id, 'QueueName') }];

/** A message keeps its age when it moves to the dead letters, so these leave it at least ten days there:
 * AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html */
const fourDays = 345600;
const fortnight = 1209600;

const handlesItems = { functionResponseType: 'ReportBatchItemFailures' };

function eventsOf({ name, queue, schedule, stream }) {
  if (queue) {
    const window = queue.window === undefined ? {} : { maximumBatchingWindow: queue.window };
    const arn = getAtt(`${queue.id}Queue`, 'Arn');
    return [
      { sqs: { arn, batchSize: queue.batch, ...window, maximumConcurrency: queue.concurrency, ...handlesItems } },
    ];
  }
  if (schedule) return [{ schedule }];
  if (stream)
    return [{ stream: { type: 'dynamodb', arn: getAtt('MainTable', 'StreamArn'), ...stream, ...handlesItems } }];
  return gatewayRoutes
    .filter((route) => route.function === name)
    .map(({ method, path, signed }) => ({
      httpApi: { method, path, ...(signed ? { authorizer: { type: 'aws_iam' } } : {}) },
    }));
}

/** A row as serverless reads it. Its role is `<Name>Role` of infra/roles.yml. */
function functionOf(row) {
  const { name, handler, timeout, memory, retries, eventAge, reserved, environment } = row;
  const reserve = reserved && { 'Fn::If': [`Reserve${logicalId(name)}`, { Ref: reserved }, noValue] };
  return {
    handler: `functions/${handler}.handler`,
    role: getAtt(`${logicalId(name)}Role`, 'Arn'),
    timeout,
    ...(memory === undefined ? {} : { memorySize: memory }),
    ...(retries === undefined ? {} : { maximumRetryAttempts: retries }),
    ...(eventAge === undefined ? {} : { maximumEventAge: eventAge }),
    ...(reserve ? { reservedConcurrency: reserve } : {}),
    environment,
    events: eventsOf(row),
  };
}

/**
 * A queue and its dead letters. Lambda asks for a visibility timeout of six function timeouts (plus the batching window) and at least
 * five receives: lambda/latest/dg/services-sqs-configure.html. Names are fixed so that a dead-letter queue can name the one queue that
 * may use it without a circular reference.
 */
function queuesOf({ id, name, visibility, receives }, stage) {
  const QueueName = `muster-${stage}-${name}`;
  const source = { 'Fn::Sub': `arn:\${AWS::Partition}:sqs:\${AWS::Region}:\${AWS::AccountId}:${QueueName}` };
  const queue = (Properties) => ({
    Type: 'AWS::SQS::Queue',
    Properties: { SqsManagedSseEnabled: true, ...Properties },
  });
  return {
    [`${id}Queue`]: queue({
      QueueName,
      MessageRetentionPeriod: fourDays,
      VisibilityTimeout: visibility,
      RedrivePolicy: { deadLetterTargetArn: getAtt(`${id}DeadLetters`, 'Arn'), maxReceiveCount: receives },
    }),
    [`${id}DeadLetters`]: queue({
      QueueName: `${QueueName}-dead-letters`,
      MessageRetentionPeriod: fortnight,
      RedriveAllowPolicy: { redrivePermission: 'byQueue', sourceQueueArns: [source] },
    }),
  };
}

/** An alarm: a stack for an emulator has none. Missing data is no fault. docs/runbook.md has a section for each. */
const alarm = (name, stage, Properties) => ({
  Type: 'AWS::CloudWatch::Alarm',
  Condition: 'IsReal',
  Properties: {
    AlarmName: `muster-${stage}-${name}`,
    AlarmActions: [{ 'Fn::If': ['Notifies', { Ref: 'AlarmTopicArn' }, noValue] }],
    ComparisonOperator: 'GreaterThanThreshold',
    TreatMissingData: 'notBreaching',
    ...Properties,
  },
});
const twoOfThree = { EvaluationPeriods: 3, DatapointsToAlarm: 2 };

/** A queue of messages that nobody takes: one is too many. */
const anyMessageIn = (queue) => ({
  Namespace: 'AWS/SQS',
  MetricName: 'ApproximateNumberOfMessagesVisible',
  Statistic: 'Maximum',
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 0,
  Dimensions: ofQueue(queue),
});

const queueAlarms = ({ id, name, ageAlarm }, stage) => ({
  [`${id}DeadLettersAlarm`]: alarm(`${name}-dead-letters`, stage, {
    AlarmDescription: 'Messages that were given up. See docs/runbook.md, "Dead letters".',
    ...anyMessageIn(`${id}DeadLetters`),
  }),
  [`${id}QueueAgeAlarm`]: alarm(`${name}-age`, stage, {
    AlarmDescription: 'Messages wait longer than they may. See docs/runbook.md, "Queues fall behind".',
    Namespace: 'AWS/SQS',
    MetricName: 'ApproximateAgeOfOldestMessage',
    Statistic: 'Maximum',
    Period: 60,
    ...twoOfThree,
    Threshold: ageAlarm,
    Dimensions: ofQueue(`${id}Queue`),
  }),
});

/** A metric of Lambda that an alarm's expression uses. */
const metric = (Id, MetricName, name, Period = 60) => ({
  Id,
  ReturnData: false,
  MetricStat: { Period, Stat: 'Sum', Metric: { Namespace: 'AWS/Lambda', MetricName, Dimensions: ofFunction(name) } },
});

/** Failures are a share of invocations, not a count. */
const errorsAlarm = ({ name, handler, errorPeriod }, stage) => ({
  [`${logicalId(name)}ErrorsAlarm`]: alarm(`${handler}-errors`, stage, {
    AlarmDescription: 'More than one invocation in twenty fails. See docs/runbook.md, "A function fails".',
    ...twoOfThree,
    Threshold: 5,
    Metrics: [
      { Id: 'percent', Expression: '100 * errors / invocations' },
      metric('errors', 'Errors', name, errorPeriod),
      metric('invocations', 'Invocations', name, errorPeriod),
    ],
  }),
});

/** An alarm takes ten metrics (AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html): each ten functions share one. */
function throttlesAlarms(functions, stage) {
  const alarms = {};
  for (let first = 0; first < functions.length; first += 10) {
    const number = first === 0 ? '' : String(first / 10 + 1);
    alarms[`Throttles${number}Alarm`] = alarm(number ? `throttles-${number}` : 'throttles', stage, {
      AlarmDescription: 'Lambda turned invocations away. See docs/runbook.md, "A function is throttled".',
      ...twoOfThree,
      Threshold: 0,
      Metrics: [
        { Id: 'throttles', Expression: 'SUM(METRICS())' },
        ...functions.slice(first, first + 10).map(({ name }) => metric(name, 'Throttles', name)),
      ],
    });
  }
  return alarms;
}

const scheduleRule = ({ name }) => `${logicalId(name)}EventsRuleSchedule1`;

/** What EventBridge could not hand to a function on schedule. Nobody sends it again: the next one does its work. */
function missedSchedules(scheduled, stage) {
  const rules = scheduled.map((row) => getAtt(scheduleRule(row), 'Arn'));
  const id = 'MissedSchedules';
  return {
    [id]: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: `muster-${stage}-missed-schedules`,
        SqsManagedSseEnabled: true,
        MessageRetentionPeriod: fortnight,
      },
    },
    [`${id}Policy`]: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: {
        Queues: [{ Ref: id }],
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              ...{ Sid: 'RulesMaySend', Effect: 'Allow', Principal: { Service: 'events.amazonaws.com' } },
              ...{ Action: 'sqs:SendMessage', Resource: getAtt(id, 'Arn') },
              Condition: { ArnEquals: { 'aws:SourceArn': rules } },
            },
            {
              'Fn::If': [
                'IsReal',
                {
                  ...{ Sid: 'TlsOnly', Effect: 'Deny', Principal: '*', Action: 'sqs:*', Resource: getAtt(id, 'Arn') },
                  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
                },
                noValue,
              ],
            },
          ],
        },
      },
    },
    [`${id}Alarm`]: alarm('missed-schedules', stage, {
      AlarmDescription: 'EventBridge could not start a scheduled function. See docs/runbook.md, "A schedule stopped".',
      ...anyMessageIn(id),
    }),
  };
}

/** osls knows no settings of a schedule's target. EventBridge itself tries for a minute: the next schedule comes then. */
const scheduleTargets = (scheduled) =>
  Object.fromEntries(
    scheduled.map((row) => [
      scheduleRule(row),
      {
        Properties: {
          Targets: [
            {
              Id: row.name,
              Arn: getAtt(`${logicalId(row.name)}LambdaFunction`, 'Arn'),
              RetryPolicy: { MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 60 },
              DeadLetterConfig: { Arn: getAtt('MissedSchedules', 'Arn') },
            },
          ],
        },
      },
    ]),
  );

/** From the rows of infra/functions.cjs: what serverless.yml names as `functions`, and a template of their queues and alarms. */
module.exports = async ({ resolveVariable }) => {
  const stage = await resolveVariable('sls:stage');
  const queues = rows.flatMap(({ queue }) => queue ?? []);
  const scheduled = rows.filter(({ schedule }) => schedule !== undefined);
  const resources = [
    ...queues.flatMap((queue) => [queuesOf(queue, stage), queueAlarms(queue, stage)]),
    ...rows.map((row) => errorsAlarm(row, stage)),
    throttlesAlarms(rows, stage),
    missedSchedules(scheduled, stage),
  ];
  return {
    functions: Object.fromEntries(rows.map((row) => [row.name, functionOf(row)])),
    template: { Resources: Object.assign({}, ...resources), extensions: scheduleTargets(scheduled) },
  };
};
module.exports.throttlesAlarms = throttlesAlarms;
