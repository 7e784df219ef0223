import { beforeAll, expect, it, vi } from 'vitest';
import { instanceNamed, launchNamed, serverNamed } from '#test/build/records.ts';
import { instanceId, member, membersInPlace } from '../adapters/aws/members-in-place.ts';
import { apiEvent, functionSetup, invoke, place, sqsBatch } from './setup.ts';

const setup = functionSetup();
const { calls } = membersInPlace();
const there = { account: member, region: place.region };
const launchId = `lch_${'3'.repeat(32)}`;
const servers = [{ serverId: 'srv_there', generation: 1 }];
const launch = launchNamed(launchId, { ...there, servers, requestedAt: Date.now() });
const handlers: Record<string, unknown> = {};

beforeAll(async () => {
  // DynamoDB Local keeps its tables by this key
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('ACCOUNTS', JSON.stringify({ [place.account]: { regions: [] }, [member]: { regions: [place.region] } }));
  for (const [name, file] of Object.entries({ verify: 'verify', sweepRegion: 'sweep-region', launch: 'launch' }))
    handlers[name] = (await import(`../../functions/${file}.ts`)).handler;
  handlers.operatorEc2 = (await import('../../functions/operator-ec2.ts')).handler;
  const instance = {
    ...instanceNamed(instanceId, { cloud: { state: 'running' }, assignment: { serverId: 'srv_runs' } }),
    ...there,
  };
  await setup.store.saveInstance(undefined, instance);
  await setup.store.commit([
    { kind: 'launch', before: undefined, after: launch },
    {
      kind: 'server',
      before: undefined,
      after: serverNamed('srv_runs', { ...there, instance: { ...there, instanceId } }),
    },
  ]);
  await setup.userData.put(launchId, '{}');
});

const terminate = {
  ...apiEvent('POST', '/v1/servers/srv_runs/terminate'),
  pathParameters: { id: 'srv_runs' },
};

// The member's role asks for the name of the session, and lets each do what it does alone (infra/member-account.yml)
it.each([
  { caller: 'verify', event: sqsBatch([{ ...there, instanceId, attempt: 0 }]) },
  { caller: 'sweepRegion', event: sqsBatch([there]) },
  { caller: 'launch', event: sqsBatch([{ launchId }]) },
  { caller: 'operatorEc2', event: terminate },
])('$caller acts in a member under its own name', async ({ caller, event }) => {
  await invoke(handlers[caller], event);
  const [assumed] = calls.filter(({ action }) => action === 'AssumeRole');
  expect(assumed?.parameters).toMatchObject({
    RoleArn: `arn:aws:iam::${member}:role/muster-test-member`,
    RoleSessionName: `muster-test-${caller}`,
    ExternalId: `muster/${place.account}/${place.region}/test/${member}`,
  });
});
