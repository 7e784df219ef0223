import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { HistoryStore, Store, UserDataStore } from '#shared/app/ports.ts';
import { readCallLimits } from '#shared/config.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { createDynamoHistory } from './history.ts';
import { createDynamoStore } from './store.ts';
import { createDynamoUserData } from './user-data.ts';

let shared: DynamoDBClient | undefined;

/** One client, so that a process keeps its connections; where it goes is the SDK's own affair (AWS_ENDPOINT_URL_DYNAMODB). */
const client = (): DynamoDBClient => {
  shared ??= new DynamoDBClient({ requestHandler: readCallLimits() });
  return shared;
};

export const openStore = (tableName: string, timing: Timing): Store =>
  createDynamoStore({ client: client(), tableName, timing });

export const openUserData = (tableName: string): UserDataStore =>
  createDynamoUserData({ client: client(), tableName }, Date.now);

export const openHistory = (tableName: string): HistoryStore =>
  createDynamoHistory({ client: client(), tableName }, setTimeout);
