import {
  type AttributeDefinition,
  type CreateTableCommandInput,
  type KeySchemaElement,
  ScalarAttributeType,
} from '@aws-sdk/client-dynamodb';
import { dueIndex } from './keys.ts';

const string = (AttributeName: string): AttributeDefinition => ({
  AttributeName,
  AttributeType: ScalarAttributeType.S,
});
const keyed = (hash: string, range: string): KeySchemaElement[] => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
];

/** The table of records as infra/tables.yml has it, for DynamoDB Local. */
export const mainTable = (TableName: string): CreateTableCommandInput => ({
  TableName,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: ['pk', 'sk', 'dueShard', 'due'].map(string),
  KeySchema: keyed('pk', 'sk'),
  GlobalSecondaryIndexes: [
    { IndexName: dueIndex, KeySchema: keyed('dueShard', 'due'), Projection: { ProjectionType: 'KEYS_ONLY' } },
  ],
  StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
});

/** The private table: history and frozen user data. */
export const privateTable = (TableName: string): CreateTableCommandInput => ({
  TableName,
  BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: ['pk', 'sk'].map(string),
  KeySchema: keyed('pk', 'sk'),
});
