import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import type { ClientOptions } from '#local/stack/account.ts';
import { type Stack, startStack } from '#local/stack/stack.ts';
import { freePort } from '../e2e/muster-process.ts';

const pythons = resolve(import.meta.dirname, '../../.muster/python');

export interface DeployedStack extends Stack {
  /** Where it keeps everything. */
  readonly folder: string;
}

/** A stack of the test's own, deployed on a free port; closing it leaves nothing behind. */
export async function deployedStack(): Promise<DeployedStack> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-deployed-'));
  const clear = () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const stack = await startStack({ port: await freePort(), folder, pythons, say: () => {} });
    const close = async () => {
      await stack.close();
      await clear();
    };
    return { ...stack, folder, close };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** Looks until `look` finds something; what is still not so after `longestSeconds` is said to be not so. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  longestSeconds = 45,
): Promise<T> {
  const end = Date.now() + longestSeconds * 1000;
  while (Date.now() < end) {
    const found = await look();
    if (found !== undefined) return found;
    await wait(250);
  }
  throw new Error(`after ${longestSeconds} s it is still not so that ${what}`);
}

/** A new user of the account who may do the given actions with anything. */
export async function person(root: ClientOptions, UserName: string, Action: string): Promise<ClientOptions> {
  const iam = new IAMClient(root);
  await iam.send(new CreateUserCommand({ UserName }));
  const PolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action, Resource: '*' }],
  });
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  iam.destroy();
  const { AccessKeyId = '', SecretAccessKey = '' } = AccessKey ?? {};
  return { ...root, credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } };
}
