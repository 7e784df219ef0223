import { randomBytes } from 'node:crypto';
import { createMemoryHistory, createMemoryUserData } from '#shared/adapters/memory/private.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import type { LaunchMessage } from '#shared/app/handle-due.ts';
import type { ChangePorts, Ec2Ports, ReadPorts } from '#shared/app/operator-ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { LaunchRequest } from '#shared/domain/launch/launch.ts';
import type { Server } from '#shared/domain/server/server.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { instanceNamed, keyNamed, serverNamed, start } from '#test/build/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

export const place = { account: '111122223333', region: 'us-east-1' };
export const here = keyNamed('i-1');
export const allowed = {
  instanceProfileArns: ['arn:aws:iam::111122223333:instance-profile/web'],
  subnetIds: ['subnet-1'],
  securityGroupIds: ['sg-1'],
};
export const request: LaunchRequest = {
  ...{ imageId: 'ami-0123456789abcdef0', instanceType: 't4g.nano', subnetId: 'subnet-1', securityGroupIds: ['sg-1'] },
  instanceProfileArn: 'arn:aws:iam::111122223333:instance-profile/web',
  ...{ keyName: null, hopLimit: 1, tags: {} },
};
export const wanted = { name: 'web', ...place, request };

/** Ports in memory, with what was written, sent and terminated. */
export function operatorSetup() {
  const written: RecordChange[] = [];
  const store = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  const launch = new KeepingOutbox<LaunchMessage>();
  const terminated: string[] = [];
  const userData = createMemoryUserData();
  let ids = 0;
  const ports: ReadPorts & ChangePorts & Ec2Ports = {
    ...{ store, launch, history: createMemoryHistory(), userData, timing: defaultTiming },
    terminate: async ({ account, region, instanceId }) => void terminated.push(`${account}/${region}/${instanceId}`),
    accounts: { '111122223333': { regions: ['us-east-1'], launch: allowed } },
    audience: 'https://muster.example/prod',
    newGrantKey: () => newGrantKey(randomBytes),
    newId: (prefix) => `${prefix}_${++ids}`,
  };
  return { store, written, launch, userData, terminated, ports };
}

/** A server, `srv_1`, whose current instance is in some state. */
export async function attached(state: Instance['cloud']['state'], fields: Partial<Server> = {}) {
  const setup = operatorSetup();
  const server = serverNamed('srv_1', { request, instance: here, generation: 1, launchState: 'launched', ...fields });
  await setup.store.commit([{ kind: 'server', before: undefined, after: server }]);
  await setup.store.saveInstance(
    undefined,
    instanceNamed('i-1', { cloud: { state, at: start }, assignment: { serverId: 'srv_1' } }),
  );
  setup.written.length = 0;
  return setup;
}
