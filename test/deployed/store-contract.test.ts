import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startEmulator } from '#local/stack/emulator.ts';
import { type Dynamo, dynamoOn } from '../contracts/dynamodb.ts';
import { dynamoContract } from '../contracts/dynamodb-store.ts';
import { freePort } from '../e2e/muster-process.ts';

dynamoContract('the emulator’s DynamoDB', startEmulatedDynamo, { ofFirstTries: 60, ofOperations: 15 });

async function startEmulatedDynamo(): Promise<Dynamo> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-store-'));
  const credentials = { accessKeyId: '111122223333', secretAccessKey: randomBytes(20).toString('hex') };
  const emulator = await startEmulator({
    port: await freePort(),
    folder,
    pythons: resolve(import.meta.dirname, '../../.muster/python'),
    account: credentials.accessKeyId,
    secret: credentials.secretAccessKey,
    functionEnv: {},
    say: console.log,
  });
  const stop = async () => {
    await emulator.stop();
    await rm(folder, { recursive: true });
  };
  return dynamoOn({ endpoint: emulator.url, credentials, stop });
}
