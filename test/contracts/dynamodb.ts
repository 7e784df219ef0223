import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startDynamoDbLocal } from '#local/aws/dynamodb/dynamodb-local.ts';
import { mainTable, privateTable } from '#shared/adapters/dynamo/tables.ts';

export interface Dynamo {
  client: DynamoDBClient;
  /** Makes a table of the kind, and returns its name. */
  makeTable(kind: 'main' | 'private'): Promise<string>;
  stop(): Promise<void>;
}

/** Who answers for DynamoDB, and as whom to ask. */
interface DynamoEngine {
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  stop(): Promise<void>;
}

/** DynamoDB Local in memory, one process for a test file. */
export async function startDynamo(): Promise<Dynamo> {
  const { endpoint, stop } = await startDynamoDbLocal({ folder: null });
  return dynamoOn({ endpoint, credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, stop });
}

/** Tables on any engine; stopping them stops the engine. */
export function dynamoOn({ endpoint, credentials, stop }: DynamoEngine): Dynamo {
  const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
  return {
    client,
    async makeTable(kind) {
      const tableName = `${kind}-${randomUUID()}`;
      await client.send(new CreateTableCommand(kind === 'main' ? mainTable(tableName) : privateTable(tableName)));
      return tableName;
    },
    async stop() {
      client.destroy();
      await stop();
    },
  };
}
