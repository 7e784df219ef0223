/** A deployment's parameter and a value of `custom`, as serverless.yml has them. */
const parameter = (name) => `\${param:${name}}`;
const custom = (path) => `\${self:custom.${path}}`;

const table = { Ref: 'MainTable' };
const privateTable = { Ref: 'PrivateTable' };
const homeAccount = { Ref: 'AWS::AccountId' };
const accounts = custom('env.accounts');
const audiences = custom('env.audiences');
const verifyQueue = { Ref: 'VerifyQueue' };
const launchQueue = { Ref: 'LaunchQueue' };

/** The kinds of record that consumers are told of: those with `events` in shared/app/records/registry.ts (test/stack/storage.ts compares). */
const published = { kind: { S: ['instance', 'key'] } };

/**
 * One row per function; infra/function-resources.cjs makes the functions, their queues and their alarms from the rows.
 * Add a function here, in functions/ and its role in infra/roles.yml: every role is written by hand, so that a reader can review it.
 *
 * Of a row: `name`; `handler`, its file in functions/; `timeout` in seconds; `memory` in MB (512 if absent); `environment`, by variable;
 * `retries` of an asynchronous invocation, and `eventAge`, the seconds after which Lambda drops one that was throttled; `reserved`, the CloudFormation parameter that holds its reserved concurrency;
 * `errorPeriod`, the seconds over which its share of failures is taken; and one trigger:
 * - `queue`: its `id` (the logical name before "Queue"), `name`, `batch`, `window` and `visibility` in seconds, `concurrency`,
 *   `receives` before a message becomes a dead letter, `ageAlarm` in seconds;
 * - `schedule`: a rate;
 * - `stream`: the settings of the main table's stream as serverless names them;
 * - `api`: true for the HTTP API, by the routes of shared/http/routes/ that name the function.
 */
module.exports = [
  {
    name: 'onInstanceChanged',
    handler: 'on-instance-changed',
    timeout: 15,
    environment: {
      TABLE_NAME: table,
      EVENT_SOURCE: parameter('eventSource'),
      ACCOUNTS: accounts,
      VERIFY_QUEUE_URL: verifyQueue,
    },
    // Its dead letters also hold what EventBridge could not deliver. The bodies are the same, so one redrive serves both.
    queue: {
      id: 'InstanceEvents',
      name: 'instance-events',
      batch: 10,
      concurrency: 50,
      visibility: 90,
      receives: 10,
      ageAlarm: 120,
    },
  },
  {
    name: 'verify',
    handler: 'verify',
    timeout: 30,
    environment: { HOME_ACCOUNT: homeAccount, TABLE_NAME: table, ACCOUNTS: accounts, VERIFY_QUEUE_URL: verifyQueue },
    queue: {
      id: 'Verify',
      name: 'verify',
      batch: 100,
      window: 2,
      concurrency: 5,
      visibility: 182,
      receives: 5,
      ageAlarm: 300,
    },
  },
  // Neither schedule is retried: the next invocation reads the same records. `retries` counts failures alone; what Lambda throttles it
  // tries for up to six hours, and ticks that are no longer needed would pile up (lambda/latest/dg/invocation-async-error-handling.html)
  {
    name: 'tick',
    handler: 'tick',
    timeout: 50,
    retries: 0,
    eventAge: 60,
    environment: { TABLE_NAME: table, LAUNCH_QUEUE_URL: launchQueue },
    schedule: parameter('tickRate'),
  },
  {
    name: 'sweep',
    handler: 'sweep',
    timeout: 30,
    retries: 0,
    eventAge: 60,
    environment: {
      TABLE_NAME: table,
      ACCOUNTS: accounts,
      SWEEP_QUEUE_URL: { Ref: 'SweepQueue' },
      SWEEP_PERIOD_SECONDS: parameter('sweepPeriodSeconds'),
    },
    schedule: parameter('sweepRate'),
    errorPeriod: 300,
  },
  {
    name: 'sweepRegion',
    handler: 'sweep-region',
    timeout: 300,
    memory: 1024,
    environment: { HOME_ACCOUNT: homeAccount, TABLE_NAME: table, ACCOUNTS: accounts, VERIFY_QUEUE_URL: verifyQueue },
    queue: { id: 'Sweep', name: 'sweep', batch: 1, concurrency: 5, visibility: 1800, receives: 5, ageAlarm: 900 },
    errorPeriod: 300,
  },
  {
    name: 'enroll',
    handler: 'enroll',
    timeout: 10,
    memory: 1024,
    reserved: 'EnrollConcurrency',
    environment: {
      TABLE_NAME: table,
      AUDIENCES: audiences,
      ACCOUNTS: accounts,
      POLICY: parameter('policy'),
      EXTRA_ANCHORS: parameter('extraAnchors'),
      TEST_ANCHORS: parameter('testAnchors'),
      VERIFY_QUEUE_URL: verifyQueue,
    },
    api: true,
  },
  {
    name: 'checkin',
    handler: 'checkin',
    timeout: 10,
    memory: 1024,
    reserved: 'CheckinConcurrency',
    environment: { TABLE_NAME: table, AUDIENCES: audiences, ACCOUNTS: accounts, VERIFY_QUEUE_URL: verifyQueue },
    api: true,
  },
  {
    name: 'launch',
    handler: 'launch',
    timeout: 20,
    environment: {
      HOME_ACCOUNT: homeAccount,
      TABLE_NAME: table,
      PRIVATE_TABLE_NAME: privateTable,
      ACCOUNTS: accounts,
      LAUNCH_QUEUE_URL: launchQueue,
    },
    // Concurrency: EC2 allows two RunInstances a second once its first allowance is used.
    // Visibility: an attempt that died is repeated twice in the launch's own five minutes. A failed attempt sets its own return time.
    queue: { id: 'Launch', name: 'launch', batch: 1, concurrency: 2, visibility: 120, receives: 10, ageAlarm: 120 },
  },
  {
    name: 'operatorApi',
    handler: 'operator-api',
    timeout: 29,
    memory: 1024,
    environment: { TABLE_NAME: table, PRIVATE_TABLE_NAME: privateTable },
    api: true,
  },
  {
    name: 'operatorChange',
    handler: 'operator-change',
    timeout: 29,
    memory: 1024,
    environment: {
      TABLE_NAME: table,
      PRIVATE_TABLE_NAME: privateTable,
      AUDIENCES: audiences,
      ACCOUNTS: accounts,
      LAUNCH_QUEUE_URL: launchQueue,
    },
    api: true,
  },
  {
    name: 'operatorEc2',
    handler: 'operator-ec2',
    timeout: 29,
    memory: 1024,
    environment: { HOME_ACCOUNT: homeAccount, TABLE_NAME: table, ACCOUNTS: accounts },
    api: true,
  },
  {
    name: 'onRecordChanged',
    handler: 'on-record-changed',
    timeout: 60,
    // One processor (lambda/latest/dg/configuration-memory.html): a change takes half a millisecond of it, and a thousand may come a second
    memory: 1769,
    environment: { PRIVATE_TABLE_NAME: privateTable, BUS_NAME: { Ref: 'Bus' } },
    stream: {
      startingPosition: 'TRIM_HORIZON',
      // Lambda polls a shard four times a second (lambda/latest/dg/with-ddb.html), and a shard takes a thousand writes a second: batches
      // of 500 are twice what it needs. A thousand is the most that one poll brings (services-ddb-params.html has the limits of both).
      batchSize: 500,
      parallelizationFactor: 1,
      bisectBatchOnFunctionError: true,
      maximumRetryAttempts: 10,
      // Nothing is told of a record that is gone
      filterPatterns: [{ eventName: ['INSERT', 'MODIFY'], dynamodb: { NewImage: published } }],
    },
  },
];
