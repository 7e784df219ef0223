import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { expect, it } from 'vitest';
import type { Clone } from './clone.ts';
import { handlerActions } from './handler-actions.ts';

interface Statement {
  Sid: string;
  Action: string[];
}

/** IAM counts a policy's characters without white space: IAM/latest/UserGuide/reference_iam-quotas.html */
const longestManagedPolicy = 6144;

/** What the emulator asks of a deployer, and says where it is missing. It lets CloudFormation do the rest. */
const missing = [
  { sid: 'Stacks', words: 'not authorized to perform: cloudformation:DescribeStacks' },
  { sid: 'Objects', words: 'not authorized to perform: s3:PutObject' },
];

/** infra/deployer-policy.json: enough, and where an engine can show it, no more than enough. */
export function deployerPolicy(clone: () => Clone): void {
  const read = (name: string): string => readFileSync(join(clone().folder, name), 'utf8');
  const statements = () => (JSON.parse(read('infra/deployer-policy.json')) as { Statement: Statement[] }).Statement;
  const give = async (Statement: Statement[]): Promise<void> => {
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    const put = new PutUserPolicyCommand({ UserName: 'deployer', PolicyName: 'deployer', PolicyDocument });
    await new IAMClient(clone().stack.root).send(put);
  };

  it('is short enough for a managed policy', () => {
    expect(JSON.stringify(JSON.parse(read('infra/deployer-policy.json'))).length).toBeLessThanOrEqual(
      longestManagedPolicy,
    );
  });

  it('allows what CloudFormation does for each type of the template, and for another Region', () => {
    const template = JSON.parse(read('.serverless/cloudformation-template-update-stack.json'));
    const resources = Object.values(template.Resources as Record<string, { Type: string }>);
    const types = new Set(resources.map(({ Type }) => Type));
    for (const [, type = ''] of read('infra/other-region.yml').matchAll(/^ {4}Type: (AWS::\S+)$/gm)) types.add(type);
    const allowed = statements().flatMap(({ Action }) => Action.map(pattern));
    const needed = [...types].flatMap((type) => handlerActions(type) ?? [`the actions of ${type}`]);
    expect(needed.filter((action) => !allowed.some((allows) => allows.test(action)))).toEqual([]);
  });

  it.each(missing)('does not deploy without its statement $sid', async ({ sid, words }) => {
    await give(statements().filter(({ Sid }) => Sid !== sid));
    await expect(clone().shell('npx serverless deploy --package .serverless --force')).rejects.toThrow(words);
    await give(statements());
  });
}

const pattern = (action: string): RegExp => new RegExp(`^${action.replaceAll('*', '.*')}$`);
