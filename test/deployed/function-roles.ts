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
  /** The patterns that the leading key of such a request must match; no entry where any key is allowed. */
  leadingKeys: ReadonlyMap<string, readonly string[]>;
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
        const granted = await grantsOf(iam, Role.slice(Role.lastIndexOf('/') + 1));
        return { name, roleArn: Role, credentials: sessionOf(FunctionArn, Role), ...granted };
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
async function grantsOf(iam: IAMClient, RoleName: string): Promise<Pick<FunctionRole, 'grants' | 'leadingKeys'>> {
  const { AttachedPolicies = [] } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
  const [attached] = AttachedPolicies;
  if (attached) throw new Error(`the role ${RoleName} has the policy ${attached.PolicyArn} attached`);
  const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  const statements = await Promise.all(
    PolicyNames.map(async (PolicyName) => {
      const { PolicyDocument = '' } = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
      const { Statement } = JSON.parse(decodeURIComponent(PolicyDocument)) as { Statement: Statement[] };
      return Statement;
    }),
  );
  const granted = statements.flat().flatMap((statement) =>
    [statement.Action].flat().flatMap((action) =>
      [statement.Resource].flat().map((resource) => ({
        grant: `${action} on ${resource}`,
        keys: statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'],
      })),
    ),
  );
  const byGrant = Map.groupBy(granted, ({ grant }) => grant);
  const limited = [...byGrant].filter(([, all]) => all.every(({ keys }) => keys !== undefined));
  return {
    grants: [...byGrant.keys()],
    leadingKeys: new Map(limited.map(([grant, all]) => [grant, all.flatMap(({ keys }) => [keys ?? []].flat())])),
  };
}

interface Statement {
  Action: string | string[];
  Resource: string | string[];
  Condition?: { 'ForAllValues:StringLike'?: { 'dynamodb:LeadingKeys'?: string | string[] } };
}
