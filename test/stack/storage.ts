import { expect, it } from 'vitest';
import { instanceEventPatterns } from '#local/region/settings.ts';
import { historyPartition, pairItemKey, revocationMarkOf, userDataItemKey } from '#shared/adapters/dynamo/keys.ts';
import { mainTable, privateTable } from '#shared/adapters/dynamo/tables.ts';
import { isTold, kinds } from '#shared/app/records/registry.ts';
import { type Node, nameOf } from './cloudformation.ts';
import type { PackagedStack } from './packaged-stack.ts';

const tables = ['MainTable', 'PrivateTable'];

export function storage(stack: () => PackagedStack): void {
  const resource = (id: string) => stack().resources[id]!;

  it.each(tables)('%s outlives the stack, is encrypted and can be restored to any second', (id) => {
    const { DeletionPolicy, Properties } = resource(id);
    expect(DeletionPolicy).toBe('Retain');
    expect(Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      DeletionProtectionEnabled: 'true',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: true },
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });

  it.each([
    ['MainTable', mainTable('any')],
    ['PrivateTable', privateTable('any')],
  ])('%s has the keys and indexes that the local region and the tests use', (id, local) => {
    const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } = resource(id).Properties;
    expect({ AttributeDefinitions, KeySchema, GlobalSecondaryIndexes }).toEqual({
      AttributeDefinitions: local.AttributeDefinitions,
      KeySchema: local.KeySchema,
      GlobalSecondaryIndexes: local.GlobalSecondaryIndexes,
    });
  });

  it('partitions begin as the roles’ conditions name them', () => {
    const beginning = ({ pk }: { pk: string }) => pk.split('#')[0];
    expect([userDataItemKey('lch_1'), { pk: historyPartition('srv_1') }].map(beginning)).toEqual([
      'USERDATA',
      'HISTORY',
    ]);
    expect([revocationMarkOf('key_1', 'a'), pairItemKey('a', 'r')].map(beginning)).toEqual(['REVOKED', 'PAIRS']);
  });

  it('the main table alone has a stream', () => {
    expect(resource('MainTable').Properties.StreamSpecification).toEqual({ StreamViewType: 'NEW_AND_OLD_IMAGES' });
    expect(resource('PrivateTable').Properties).not.toHaveProperty('StreamSpecification');
  });

  it('a stream record that cannot be told is retried a finite number of times and then kept whole', () => {
    const { FilterCriteria, EventSourceArn, FunctionName, ...mapping } = resource(
      'OnRecordChangedEventSourceMappingDynamodbMainTable',
    ).Properties;
    expect(nameOf(FunctionName)).toBe('OnRecordChangedLambdaFunction');
    expect(nameOf(EventSourceArn)).toBe('MainTable.StreamArn');
    expect(mapping).toMatchObject({
      BatchSize: 500,
      ParallelizationFactor: 1,
      StartingPosition: 'TRIM_HORIZON',
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(nameOf(mapping.DestinationConfig.OnFailure.Destination)).toBe('FailedRecordsBucket');
  });

  it('the stream lets through the kinds that consumers are told of, and nothing of a record that is gone', () => {
    const { Filters } = resource('OnRecordChangedEventSourceMappingDynamodbMainTable').Properties.FilterCriteria;
    const told = { kind: { S: kinds.filter(isTold) } };
    expect(Filters.map(({ Pattern }: { Pattern: string }) => JSON.parse(Pattern))).toEqual([
      { eventName: ['INSERT', 'MODIFY'], dynamodb: { NewImage: told } },
    ]);
  });

  it('the bucket of failed records is private and outlives the stack', () => {
    const { DeletionPolicy, Properties } = resource('FailedRecordsBucket');
    expect(DeletionPolicy).toBe('Retain');
    expect(Object.values(Properties.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
    expect(
      Properties.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.SSEAlgorithm,
    ).toBe('AES256');
  });

  it('the bucket of failed records keeps what is deleted or overwritten for a week, and everything for 90 days', () => {
    const { VersioningConfiguration, LifecycleConfiguration } = resource('FailedRecordsBucket').Properties;
    expect(VersioningConfiguration).toEqual({ Status: 'Enabled' });
    expect(LifecycleConfiguration.Rules).toEqual([
      { Status: 'Enabled', ExpirationInDays: 90, NoncurrentVersionExpiration: { NoncurrentDays: 7 } },
    ]);
  });

  it('the bucket of failed records takes nothing that is not TLS, and lets nobody in', () => {
    const { Bucket, PolicyDocument } = resource('FailedRecordsBucketPolicy').Properties;
    expect(nameOf(Bucket)).toBe('FailedRecordsBucket');
    expect(
      PolicyDocument.Statement.map((statement: Node) => ({ ...statement, Resource: statement.Resource.map(nameOf) })),
    ).toEqual([
      {
        ...{ Sid: 'TlsOnly', Effect: 'Deny', Principal: '*', Action: 's3:*' },
        Resource: ['FailedRecordsBucket', '<FailedRecordsBucket.Arn>/*'],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]);
  });

  it('EC2’s state changes and AWS Health’s warnings go to the queue, for a day if need be, and then to its dead letters', () => {
    const { EventPattern, EventBusName, Targets } = resource('InstanceEventsRule').Properties;
    expect(EventPattern).toEqual({
      source: ['aws.ec2'],
      'detail-type': [
        'EC2 Instance State-change Notification',
        'EC2 Spot Instance Interruption Warning',
        'EC2 Capacity Reservation Instance Interruption Warning',
        'EC2 Instance Rebalance Recommendation',
      ],
    });
    const health = resource('HealthEventsRule').Properties;
    expect(health.EventPattern).toEqual({
      source: ['aws.health'],
      'detail-type': ['AWS Health Event'],
      detail: { service: ['EC2'], eventTypeCategory: ['scheduledChange'] },
    });
    expect(health.Targets).toEqual(Targets);
    expect(Object.values(instanceEventPatterns)).toEqual([EventPattern, health.EventPattern]);
    expect([EventBusName, health.EventBusName]).toEqual([undefined, undefined]);
    const [{ Arn, DeadLetterConfig, RetryPolicy }, ...others] = Targets;
    expect(others).toEqual([]);
    expect([Arn, DeadLetterConfig.Arn].map(nameOf)).toEqual(['InstanceEventsQueue', 'InstanceEventsDeadLetters']);
    expect(RetryPolicy).toEqual({ MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 });
  });

  it('what Muster tells goes to a bus of its own', () => {
    expect(resource('Bus').Properties.Name).toBe('muster-prod');
  });
}
