import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { expect, it } from 'vitest';
import type { Clone } from './clone.ts';
import { handlerActions } from './handler-actions.ts';

interface Statement {
  Sid: string;
  Action: string[];
  Resource: string | string[];
  Condition?: object;
}

/** IAM counts a policy's characters without white space: IAM/latest/UserGuide/reference_iam-quotas.html */
const longestManagedPolicy = 6144;

/** Why a statement names no resource. */
const unbounded: Record<string, string> = {
  WhoAmI: 'sts:GetCallerIdentity has no resource',
  Templates: 'a template that is looked at belongs to no stack yet',
  Triggers: 'a mapping is called by a number that AWS draws; the condition names its function',
  TriggerList: 'lists, and the settings of the account, have no resource',
  BusForMembers: 'members send to the default bus, which has no name of ours',
  LogDelivery: 'what delivers an API’s access log has no resource',
};

/** The resources of the actions that could reach records, or speak for AWS to a function. */
const narrow: Record<string, string[]> = {
  'lambda:InvokeFunction': ['arn:*:lambda:*:*:function:muster-*-tick', 'arn:*:lambda:*:*:function:muster-*-sweep'],
  's3:GetObject': ['arn:*:s3:::muster-*-serverlessdeploymentbucket-*/*'],
  's3:PutObject': ['arn:*:s3:::muster-*-serverlessdeploymentbucket-*/*'],
  's3:DeleteObject': ['arn:*:s3:::muster-*-serverlessdeploymentbucket-*/*'],
  's3:DeleteObjectVersion': ['arn:*:s3:::muster-*-serverlessdeploymentbucket-*/*'],
};

/** Of HTTP APIs, and of mappings’ tags, IAM knows no name. */
const unnamed = ['arn:*:apigateway:*::/', 'arn:*:lambda:*:*:event-source-mapping:*'];
const serviceLinked = 'arn:*:iam::*:role/aws-service-role/ops.apigateway.amazonaws.com/*';

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

  it('names what it allows to touch, or says why it cannot', () => {
    const without = statements().filter(({ Resource }) => [Resource].flat().includes('*'));
    expect(without.map(({ Sid }) => Sid).sort()).toEqual(Object.keys(unbounded).sort());
    expect(without.find(({ Sid }) => Sid === 'Triggers')?.Condition).toEqual({
      ArnLike: { 'lambda:FunctionArn': 'arn:*:lambda:*:*:function:muster-*' },
    });
    const others = statements().flatMap(({ Resource }) => [Resource].flat());
    const known = (arn: string) =>
      arn === '*' || arn === serviceLinked || unnamed.some((start) => arn.startsWith(start));
    expect(others.filter((arn) => !known(arn) && !/[:/]muster-/.test(arn))).toEqual([]);
  });

  it.each(Object.entries(narrow))('allows %s for nothing but %j', (action, resources) => {
    const allowing = statements().filter(({ Action }) => Action.some((allowed) => pattern(allowed).test(action)));
    expect(allowing.flatMap(({ Resource }) => Resource)).toEqual(resources);
  });

  it.each(missing)('does not deploy without its statement $sid', async ({ sid, words }) => {
    await give(statements().filter(({ Sid }) => Sid !== sid));
    await expect(clone().shell('npx serverless deploy --package .serverless --force')).rejects.toThrow(words);
    await give(statements());
  });
}

const pattern = (action: string): RegExp => new RegExp(`^${action.replaceAll('*', '.*')}$`);
