import { describe, expect, it } from 'vitest';
import { createServer } from '#shared/app/server/create.ts';
import type { LaunchRequest } from '#shared/domain/launch/launch.ts';
import { start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { operatorSetup, request, wanted } from '../operator-setup.ts';

describe('creating a server', () => {
  it('keeps its request, and launches nothing', async () => {
    const { ports, launch, store } = operatorSetup();
    expect(await createServer(wanted, start, ports)).toMatchObject({
      ...{ id: 'srv_1', name: 'web', state: 'inactive', instance: null, generation: 0, launch: null },
      conditions: [{ type: 'Launched', status: 'false', reason: 'never_launched' }],
      actions: { launch: { allowed: true }, terminate: { allowed: false, code: 'not_running' } },
    });
    expect(await store.get('server', 'srv_1')).toMatchObject({ request });
    expect(launch.sent).toEqual([]);
  });

  it.each([
    ['another account', { account: '999988887777' }, { account: '999988887777', region: 'us-east-1' }],
    ['another region', { region: 'eu-west-1' }, { account: '111122223333', region: 'eu-west-1' }],
    [
      'an account by the name of a member that every object has',
      { account: 'constructor' },
      { account: 'constructor', region: 'us-east-1' },
    ],
  ])('is refused in %s', async (_case, fields, facts) => {
    const { ports, written } = operatorSetup();
    const refused = await refusalOf(createServer({ ...wanted, ...fields }, start, ports));
    expect(refused).toEqual({ code: 'account_not_registered', facts });
    expect(written).toEqual([]);
  });

  const foreignProfile = 'arn:aws:iam::111122223333:instance-profile/admin';
  it.each<[keyof LaunchRequest, Partial<LaunchRequest>]>([
    ['instanceProfileArn', { instanceProfileArn: null }],
    ['subnetId', { subnetId: null }],
    ['securityGroupIds', { securityGroupIds: [] }],
  ])('is refused where the account lists values and the request leaves its %s to EC2', async (field, fields) => {
    const { ports, written } = operatorSetup();
    const refused = createServer({ ...wanted, request: { ...request, ...fields } }, start, ports);
    expect(await refusalOf(refused)).toEqual({ code: 'launch_not_allowed', facts: { field, value: null } });
    expect(written).toEqual([]);
  });

  it('may leave to EC2 what the account lists no value of', async () => {
    const { ports } = operatorSetup();
    const launch = { instanceProfileArns: [], subnetIds: [], securityGroupIds: [] };
    const open = { ...ports, accounts: { '111122223333': { regions: ['us-east-1'], launch } } };
    const bare = { ...request, instanceProfileArn: null, subnetId: null, securityGroupIds: [] };
    expect(await createServer({ ...wanted, request: bare }, start, open)).toMatchObject({ id: 'srv_1' });
  });

  it.each<[keyof LaunchRequest, Partial<LaunchRequest>, string]>([
    ['instanceProfileArn', { instanceProfileArn: foreignProfile }, foreignProfile],
    ['subnetId', { subnetId: 'subnet-2' }, 'subnet-2'],
    ['securityGroupIds', { securityGroupIds: ['sg-1', 'sg-2'] }, 'sg-2'],
  ])('is refused where the account does not let launches name its %s', async (field, fields, value) => {
    const { ports, written } = operatorSetup();
    const refused = createServer({ ...wanted, request: { ...request, ...fields } }, start, ports);
    expect(await refusalOf(refused)).toEqual({ code: 'launch_not_allowed', facts: { field, value } });
    expect(written).toEqual([]);
  });
});
