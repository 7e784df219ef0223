import { createHash } from 'node:crypto';
import {
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { stackName } from '#local/stack/settings.ts';
import type { Stack } from '#local/stack/stack.ts';
import { functionNames } from '../stack/packaged-stack.ts';

export type FunctionName = (typeof functionNames)[number];

/** A deployed function's role, as the emulator holds it. */
export interface FunctionRole {
  name: FunctionName;
  roleArn: string;
  /** The keys that the function runs with. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
  /** `<action> on <resource>` for all that its policy grants. */
  grants: string[];
}

export const deployedName = (name: FunctionName): string => `${stackName}-${name}`;

/** Reads every role from the emulator: what was deployed, not what was meant. */
export async function functionRoles({ root }: Pick<Stack, 'root'>): Promise<FunctionRole[]> {
  const [lambda, iam] = [new LambdaClient(root), new IAMClient(root)];
  try {
    return await Promise.all(
      functionNames.map(async (name) => {
        const FunctionName = deployedName(name);
        const { FunctionArn = '', Role = '' } = await lambda.send(
          new GetFunctionConfigurationCommand({ FunctionName }),
        );
        const grants = await grantsOf(iam, Role.slice(Role.lastIndexOf('/') + 1));
        return { name, roleArn: Role, credentials: sessionOf(FunctionArn, Role), grants };
      }),
    );
  } finally {
    lambda.destroy();
    iam.destroy();
  }
}

/** The emulator derives a function's session from its ARN and its role's. */
function sessionOf(functionArn: string, roleArn: string): FunctionRole['credentials'] {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const session = digest(`${functionArn}:${roleArn}`);
  return {
    accessKeyId: `ASIA${session.slice(0, 16).toUpperCase()}`,
    secretAccessKey: digest(`secret:${session}`),
    sessionToken: digest(`token:${session}`),
  };
}

/** Of the inline policies: a function's role has no others. */
async function grantsOf(iam: IAMClient, RoleName: string): Promise<string[]> {
  const { AttachedPolicies = [] } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
  const [attached] = AttachedPolicies;
  if (attached) throw new Error(`the role ${RoleName} has the policy ${attached.PolicyArn} attached`);
  const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  const grants = await Promise.all(
    PolicyNames.map(async (PolicyName) => {
      const { PolicyDocument = '' } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
      const { Statement } = JSON.parse(decodeURIComponent(PolicyDocument)) as { Statement: Statement[] };
      return Statement.flatMap(({ Action, Resource }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} on ${resource}`)),
      );
    }),
  );
  return grants.flat();
}

interface Statement {
  Action: string | string[];
  Resource: string | string[];
}
