import { readFileSync } from 'node:fs';
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import type { ClientOptions, Outputs, Person } from './account.ts';

/** The people that docs/deploy.md speaks of. */
export interface Access {
  /** May deploy, invoke and read logs, by infra/deployer-policy.json, and operate. */
  deployer: Person;
  /** May call all of the operator API. */
  operator: Person;
  /** May only read by it. */
  reader: Person;
  /** Attaches the policies that the deployed stack brought. */
  admit(outputs: Outputs): Promise<void>;
}

const deployerPolicy = new URL('../../infra/deployer-policy.json', import.meta.url);

/** Creates the users as the account's root. */
export async function createAccess(root: ClientOptions): Promise<Access> {
  const iam = new IAMClient(root);
  const create = async (UserName: string): Promise<Person> => {
    await iam.send(new CreateUserCommand({ UserName }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    return { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' };
  };
  const [deployer, operator, reader] = [await create('deployer'), await create('operator'), await create('reader')];
  const PolicyDocument = readFileSync(deployerPolicy, 'utf8');
  await iam.send(new PutUserPolicyCommand({ UserName: 'deployer', PolicyName: 'deployer', PolicyDocument }));
  const attach = (UserName: string, PolicyArn: string | undefined) =>
    iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
  return {
    ...{ deployer, operator, reader },
    async admit({ OperatorPolicyArn, ReaderPolicyArn }) {
      await attach('deployer', OperatorPolicyArn);
      await attach('operator', OperatorPolicyArn);
      await attach('reader', ReaderPolicyArn);
    },
  };
}
