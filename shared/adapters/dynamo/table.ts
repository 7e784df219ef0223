import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { convertToAttr, marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { ItemKey } from './keys.ts';

/** One DynamoDB table, and whom to ask for it. */
export interface Table {
  client: DynamoDBClient;
  tableName: string;
}

export type Item = Record<string, AttributeValue>;

/** EC2 allows a tag with the name `constructor`. Without the second option the library takes its map for a class instance, and refuses it. */
const options = { removeUndefinedValues: true, convertClassInstanceToMap: true };

/**
 * The only place where values become DynamoDB's attribute values and back (docs/decisions/0007-items-are-marshalled-by-hand.md).
 * A member that is undefined is left out.
 */
export const toItem = (content: object): Item => marshall(content, options);

/** The content of an item, of a stream's image, or of the item that a refused write brings. */
export const fromItem = (item: Item) => unmarshall(item);

export const toAttributeValue = (value: unknown): AttributeValue => convertToAttr(value, options);

export const marshalledKey = ({ pk, sk }: ItemKey): Item => ({ pk: { S: pk }, sk: { S: sk } });

export const keyOfItem = ({ pk, sk }: Item): ItemKey => ({ pk: pk?.S ?? '', sk: sk?.S ?? '' });
