import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { ItemKey } from './keys.ts';

/** One DynamoDB table, and whom to ask for it. */
export interface Table {
  client: DynamoDBClient;
  tableName: string;
}

export type Item = Record<string, AttributeValue>;

export const marshalledKey = ({ pk, sk }: ItemKey): Item => ({ pk: { S: pk }, sk: { S: sk } });

export const keyOfItem = ({ pk, sk }: Item): ItemKey => ({ pk: pk?.S ?? '', sk: sk?.S ?? '' });
