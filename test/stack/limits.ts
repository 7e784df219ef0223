import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { filledIn, type Node } from './cloudformation.ts';
import { functionNames, logicalId, type PackagedStack } from './packaged-stack.ts';

/**
 * What AWS refuses to deploy, and how near the stack is. Half of a limit is a warning: there is time left to split something.
 * Each number has the page that states it; paths are below docs.aws.amazon.com.
 */
const megabyte = 1024 * 1024;

/** AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const cloudFormation = {
  templateInBucketBytes: megabyte,
  templateInRequestBytes: 51_200,
  resources: 500,
  parameters: 200,
  outputs: 200,
  parameterValueBytes: 4096,
};

/** IAM/latest/UserGuide/reference_iam-quotas.html: a role's inline policies together, a managed policy; white space not counted */
const iam = { rolePolicyCharacters: 10_240, managedPolicyCharacters: 6144 };

/** AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html */
const queuePolicy = { bytes: 8192, statements: 20, conditions: 10 };

/** lambda/latest/dg/gettingstarted-limits.html: an archive in a request, its content, all variables of a function */
const lambda = { archiveBytes: 50 * megabyte, codeBytes: 250 * megabyte, environmentBytes: 4096 };

/** lambda/latest/dg/invocation-eventfiltering.html, lambda/latest/api/API_Filter.html */
const mapping = { filters: 5, patternCharacters: 4096 };

/** eventbridge/latest/userguide/eb-quota.html */
const eventPatternCharacters = 2048;

/** apigateway/latest/developerguide/http-api-quotas.html */
const httpApi = { routes: 300, integrations: 300 };

/** AmazonCloudWatch/latest/monitoring/alarm-limits.html: metrics of an alarm on an expression */
const metricsOfAnAlarm = 10;

export function limits(stack: () => PackagedStack): void {
  const properties = (type: string, resources = stack().resources): Record<string, Node> =>
    Object.fromEntries(
      Object.entries(resources).flatMap(([id, { Type, Properties }]) => (Type === type ? [[id, Properties]] : [])),
    );

  it('sends the template by its bucket, and the one for the bucket itself in the request', () => {
    expect(beyond({ template: stack().template.length }, cloudFormation.templateInBucketBytes)).toEqual({});
    expect(beyond({ template: stack().bucketTemplate.length }, cloudFormation.templateInRequestBytes)).toEqual({});
  });

  it.each(['Resources', 'Parameters', 'Outputs'])('has room for more %s', (section) => {
    const count = Object.keys(JSON.parse(stack().template)[section]).length;
    const limit = cloudFormation[section.toLowerCase() as 'resources' | 'parameters' | 'outputs'];
    expect(beyond({ [section]: count }, limit)).toEqual({});
  });

  it('has room in the policies of every role', () => {
    const sizes = sizesOf(properties('AWS::IAM::Role'), ({ Policies }) => policiesSize(filledIn(Policies)));
    expect(beyond(sizes, iam.rolePolicyCharacters)).toEqual({});
  });

  it('has room in every managed policy', () => {
    const sizes = sizesOf(properties('AWS::IAM::ManagedPolicy'), ({ PolicyDocument }) =>
      textLength(filledIn(PolicyDocument)),
    );
    expect(beyond(sizes, iam.managedPolicyCharacters)).toEqual({});
  });

  it('has room in the launch’s role for as many roles as a parameter can name', () => {
    const LaunchRoleArns = rolesOfLength(cloudFormation.parameterValueBytes);
    const { LaunchRole } = properties('AWS::IAM::Role', stack().withParameters({ LaunchRoleArns }));
    const size = policiesSize(filledIn(LaunchRole.Policies, { LaunchRoleArns }));
    expect(size).toBeGreaterThan(LaunchRoleArns.length);
    expect(beyond({ LaunchRole: size }, iam.rolePolicyCharacters, 0.75)).toEqual({});
  });

  it('has room in the policy of every queue', () => {
    const documents = sizesOf(properties('AWS::SQS::QueuePolicy'), ({ PolicyDocument }) => filledIn(PolicyDocument));
    expect(beyond(sizesOf(documents, textLength), queuePolicy.bytes)).toEqual({});
    expect(
      beyond(
        sizesOf(documents, ({ Statement }) => Statement.length),
        queuePolicy.statements,
      ),
    ).toEqual({});
    // Every key of every operator; the queue that takes most has six of ten
    expect(beyond(sizesOf(documents, conditionsOf), queuePolicy.conditions, 0.6)).toEqual({});
  });

  it('has room in the pattern of every rule', () => {
    const sizes = sizesOf(properties('AWS::Events::Rule'), ({ EventPattern }) => textLength(EventPattern ?? ''));
    expect(beyond(sizes, eventPatternCharacters)).toEqual({});
  });

  it('has room for more filters of the stream, and in each', () => {
    const filters = sizesOf(
      properties('AWS::Lambda::EventSourceMapping'),
      ({ FilterCriteria }): { Pattern: string }[] => FilterCriteria?.Filters ?? [],
    );
    const longest = (patterns: { Pattern: string }[]) => Math.max(0, ...patterns.map(({ Pattern }) => Pattern.length));
    expect(
      beyond(
        sizesOf(filters, (patterns) => patterns.length),
        mapping.filters,
      ),
    ).toEqual({});
    expect(beyond(sizesOf(filters, longest), mapping.patternCharacters)).toEqual({});
  });

  it('has room for more routes', () => {
    const [routes, integrations] = ['Route', 'Integration'].map(
      (type) => Object.keys(properties(`AWS::ApiGatewayV2::${type}`)).length,
    );
    expect(beyond({ routes: routes ?? 0 }, httpApi.routes)).toEqual({});
    expect(beyond({ integrations: integrations ?? 0 }, httpApi.integrations)).toEqual({});
  });

  it('has no alarm on more metrics than one may have', () => {
    // The one on throttles is full: the functions after the tenth have another
    const counts = sizesOf(
      properties('AWS::CloudWatch::Alarm'),
      ({ Metrics }) => (Metrics ?? []).filter((metric: Node) => metric.MetricStat).length,
    );
    expect(beyond(counts, metricsOfAnAlarm, 1)).toEqual({});
  });

  it('has room in every bundle, packed and unpacked', () => {
    // Packed is never larger, so that what fits the smaller limit unpacked fits both
    const sizes = sizesOf(stack().archives, (files) => [...files.values()].reduce((sum, file) => sum + file.length, 0));
    expect(beyond(sizes, Math.min(lambda.archiveBytes, lambda.codeBytes))).toEqual({});
  });

  it.each(functionNames)('%s’s variables leave room for what a stage names', (name) => {
    expect(environmentBytes(variablesOf(stack(), name))).toBeLessThan(lambda.environmentBytes / 2);
  });
}

/** The largest stage that the documentation has room for: its variables must fit as well, with a tenth to spare. */
export function limitsOfALargeStage(stack: () => PackagedStack): void {
  it.each(functionNames)('%s’s variables fit', (name) => {
    const variables = variablesOf(stack(), name);
    const given = Object.entries(largeStage).filter(([variable]) => variable in variables);
    expect(environmentBytes({ ...variables, ...Object.fromEntries(given) })).toBeLessThan(
      lambda.environmentBytes * 0.9,
    );
  });
}

const largeStage = {
  // Every Region that an account has without asking, and what launches may name in four of them
  ACCOUNTS: JSON.stringify({
    '111122223333': {
      regions: Array.from({ length: 17 }, (_, index) => `ap-southeast-${index % 10}`),
      launch: {
        subnetIds: Array.from({ length: 12 }, () => 'subnet-0a1b2c3d4e5f60718'),
        securityGroupIds: Array.from({ length: 8 }, () => 'sg-0a1b2c3d4e5f60718'),
        instanceProfileArns: Array.from({ length: 4 }, () => 'arn:aws:iam::111122223333:instance-profile/web-server'),
      },
    },
  }),
  AUDIENCES: 'https://muster.operations.example.com,https://a1b2c3d4e5.execute-api.ap-southeast-2.amazonaws.com',
  TIMING: JSON.stringify({
    enrollmentDeadlineSeconds: 3600,
    launchToRunningSeconds: 1800,
    checkinIntervalSeconds: 120,
  }),
  // One Region's certificate; docs/identity.md says what to do with more
  EXTRA_ANCHORS: JSON.stringify([
    {
      region: 'me-central-1',
      type: 'rsa2048',
      pem: readFileSync(resolve(import.meta.dirname, '../fixtures/me-central-1-rsa2048.pem'), 'utf8'),
    },
  ]),
};

function variablesOf(stack: PackagedStack, name: string): Record<string, string> {
  return filledIn(stack.resources[`${logicalId(name)}LambdaFunction`]?.Properties.Environment.Variables);
}

/** As Lambda's refusal shows it to be measured ("String measured: {…}"): as JSON, quotes within values escaped. */
function environmentBytes(variables: Record<string, string>): number {
  return Buffer.byteLength(JSON.stringify(variables));
}

const textLength = (value: unknown): number => JSON.stringify(value).length;

function policiesSize(policies: { PolicyDocument: unknown }[]): number {
  return policies.reduce((sum, { PolicyDocument }) => sum + textLength(PolicyDocument), 0);
}

function conditionsOf({ Statement }: { Statement: { Condition?: Record<string, object> }[] }): number {
  const operators = Statement.flatMap(({ Condition = {} }) => Object.values(Condition));
  return operators.reduce((sum, keys) => sum + Object.keys(keys).length, 0);
}

function rolesOfLength(bytes: number): string {
  const arn = `arn:aws:iam::111122223333:role/${'r'.repeat(32)}`;
  return Array.from({ length: Math.floor(bytes / (arn.length + 1)) }, () => arn).join(',');
}

function sizesOf<T, R>(things: Record<string, T>, size: (thing: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(things).map(([id, thing]) => [id, size(thing)]));
}

/** Those that use more than this share of a limit, with how much they use. */
function beyond(sizes: Record<string, number>, limit: number, share = 0.5): Record<string, number> {
  return Object.fromEntries(Object.entries(sizes).filter(([, size]) => size > limit * share));
}
