import { startDynamo } from './dynamodb.ts';
import { dynamoContract } from './dynamodb-store.ts';

dynamoContract('DynamoDB', startDynamo, { ofFirstTries: 100, ofOperations: 25 });
