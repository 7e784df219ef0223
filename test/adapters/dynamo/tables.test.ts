import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { mainTable, privateTable } from '#shared/adapters/dynamo/tables.ts';

const template = readFileSync(new URL('../../../infra/tables.yml', import.meta.url), 'utf8');
const { Resources } = parse(template, { logLevel: 'silent' });

const shapeOf = (table: Record<string, unknown>) => {
  const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode } = table;
  const { StreamViewType } = (table.StreamSpecification ?? {}) as { StreamViewType?: string };
  return { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode, StreamViewType };
};

test.each([
  ['records', mainTable('main'), 'MainTable'],
  ['what stays private', privateTable('private'), 'PrivateTable'],
] as const)('the local table of %s is the one that is deployed', (_, local, logicalId) => {
  const deployed = Resources[logicalId].Properties;
  expect(shapeOf({ ...local })).toEqual(shapeOf(deployed));
  expect(deployed.TimeToLiveSpecification).toEqual({ AttributeName: 'expiresAt', Enabled: true });
});

test('the private table has no stream', () => {
  expect(privateTable('private')).not.toHaveProperty('StreamSpecification');
  expect(Resources.PrivateTable.Properties).not.toHaveProperty('StreamSpecification');
});
