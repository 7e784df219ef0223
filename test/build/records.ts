import type { Store } from '#shared/app/ports.ts';
import type { Account } from '#shared/domain/account/account.ts';
import type { Lease } from '#shared/domain/agent/lease.ts';
import type { Restore } from '#shared/domain/agent/restore.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { type EnrollmentKey, everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import { type Instance, type InstanceKey, newInstance } from '#shared/domain/instance/instance.ts';
import type { Launch, LaunchRequest } from '#shared/domain/launch/launch.ts';
import { newServer, type Server } from '#shared/domain/server/server.ts';
import { type InstanceParts, withParts } from './an-instance.ts';

/** Records of every kind: whole and plain, overridden where a test says so. */

/** Each test makes a store of its own. */
export type MakeStore = () => Promise<Store>;

/** What an operator asks for. */
export const anAct = {
  who: 'arn:aws:iam::111122223333:user/ada',
  reason: 'the disk was copied',
  requestId: 'request-1',
};

export const start = Date.parse('2026-11-02T10:00:00Z');
export const second = 1000;

export const keyNamed = (instanceId: string, region = 'us-east-1'): InstanceKey => ({
  account: '111122223333',
  region,
  instanceId,
});

export const instanceNamed = (instanceId: string, ...changes: readonly InstanceParts[]): Instance =>
  withParts(newInstance(keyNamed(instanceId), start), ...changes);

/** A request with every kind of value in it. */
export const request: LaunchRequest = {
  imageId: 'ami-0abc',
  instanceType: 't4g.nano',
  subnetId: null,
  securityGroupIds: ['sg-1', 'sg-2'],
  instanceProfileArn: null,
  keyName: null,
  hopLimit: 1,
  tags: { role: 'web', empty: '' },
};

export const serverNamed = (id: string, fields: Partial<Server> = {}): Server => ({
  ...newServer({ id, name: `server ${id}`, account: '111122223333', region: 'us-east-1' }, start),
  request,
  ...fields,
});

export const launchNamed = (id: string, fields: Partial<Launch> = {}): Launch => ({
  id,
  account: '111122223333',
  region: 'us-east-1',
  request,
  servers: [{ serverId: 'srv_1', generation: 1 }],
  grantPublicKey: 'A'.repeat(43),
  state: 'requested',
  instances: [],
  requestedAt: start,
  answeredAt: null,
  failure: null,
  version: 0,
  ...fields,
});

/** Its own `expiresAt` must not be taken for the table's time to live. */
export const enrollmentKeyNamed = (id: string, fields: Partial<EnrollmentKey> = {}): EnrollmentKey => ({
  id,
  publicKey: 'B'.repeat(43),
  scope: { ...everyInstance, accounts: ['111122223333'], tags: { constructor: 'x', Name: 'web 1' } },
  expiresAt: start + 3600 * second,
  usesLeft: null,
  revokedAt: null,
  warnedAt: null,
  createdAt: start,
  createdBy: 'arn:aws:iam::111122223333:user/ann',
  lastUsedAt: null,
  lastUsedBy: null,
  version: 0,
  ...fields,
});

export const bindingNamed = (agentId: string, fields: Partial<Binding> = {}): Binding => ({
  ...keyNamed('i-1'),
  agentId,
  publicKey: 'C'.repeat(43),
  status: 'bound',
  boundAt: start,
  proof: 'iid-rsa2048',
  ended: null,
  description: { os: 'debian', hostname: '' },
  version: 0,
  ...fields,
});

export const restoreOf = (fields: Partial<Restore> = {}): Restore => ({
  ...{ restoredTo: start, openedAt: start + second, until: start + 7200 * second },
  ...{ openedBy: 'ann', reason: 'a bug', version: 0, ...fields },
});

export const accountNamed = (account: string, fields: Partial<Account> = {}): Account => ({
  account,
  name: 'shop',
  regions: ['eu-west-1'],
  roleArn: `arn:aws:iam::${account}:role/muster-prod-member`,
  externalId: 'ext_1',
  launch: { instanceProfileArns: [], subnetIds: ['subnet-1'], securityGroupIds: [] },
  createdAt: start,
  version: 0,
  ...fields,
});

/** A link for a number: sixteen bytes in base64url, as check-ins bring them. */
export const linkOf = (nth: number): string => Buffer.alloc(16, nth).toString('base64url');

export const leaseOf = (instanceId: string, fields: Partial<Lease> = {}): Lease => ({
  ...keyNamed(instanceId),
  agentId: 'agent-1',
  lastSeenAt: start,
  seq: 1,
  link: linkOf(1),
  ...fields,
});

export const factsOf = (instanceId: string, fields: Partial<InstanceFacts> = {}): InstanceFacts => ({
  ...keyNamed(instanceId),
  launchTime: start,
  ...{ rootDeviceType: 'ebs', rootDeviceName: '/dev/xvda', rootVolumeId: 'vol-1' },
  ...{ rootAttachedAt: start + second, interfaceAttachedAt: start },
  imageId: 'ami-0abc',
  managedBy: null,
  instanceType: 't4g.nano',
  architecture: 'arm64',
  availabilityZone: null,
  subnetId: null,
  vpcId: 'vpc-1',
  privateIp: '10.0.0.7',
  publicIp: null,
  instanceProfileArn: null,
  clientToken: null,
  amiLaunchIndex: 0,
  tags: { Name: 'web 1', 'aws:autoscaling:groupName': 'web', empty: '' },
  describedAt: start,
  ...fields,
});
