import { randomBytes, randomUUID } from 'node:crypto';
import type { LaunchMessage } from '#shared/app/handle-due.ts';
import { type LaunchPorts, runLaunch } from '#shared/app/launch/run-launch.ts';
import type { ChangePorts } from '#shared/app/operator-ports.ts';
import { createServer } from '#shared/app/server/create.ts';
import { launchServer } from '#shared/app/server/launch.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';
import { oneInstance } from '#test/local/aws/ec2/lab.ts';
import { killable, Life } from '#test/simulation/region/killable.ts';
import { ec2Setup, place } from '../cloud/ec2-setup.ts';

const request = {
  ...{ imageId: oneInstance.ImageId, instanceType: oneInstance.InstanceType, subnetId: null, keyName: null },
  ...{ securityGroupIds: [], instanceProfileArn: null, hopLimit: 1, tags: { role: 'web' } },
};

/** A server that was never launched, and everything between the operator and EC2. */
export async function launchSetup() {
  const setup = await ec2Setup();
  const { store, userData } = setup.ports;
  const launch = new KeepingOutbox<LaunchMessage>();
  const operate: ChangePorts = {
    ...{ store, userData, launch, timing: setup.ports.timing, audience: 'https://muster.example/prod' },
    accounts: { [place.account]: { regions: [place.region], launch: allowed } },
    newGrantKey: () => newGrantKey(randomBytes),
    newId: (prefix) => `${prefix}_${randomUUID().replaceAll('-', '')}`,
  };
  const { id: serverId } = await createServer({ name: 'web', ...place, request }, setup.now(), operate);
  const ask = () => launchServer(serverId, setup.now(), operate);
  const attempt = (launchId: string, ports: LaunchPorts = setup.ports) => runLaunch(launchId, setup.now(), ports);
  const launchedBy = (launchId: string) =>
    setup.region.truth().filter(({ clientToken }) => clientToken === `mst-${launchId}`);
  return { ...setup, launch, operate, serverId, ask, attempt, launchedBy };
}

export type LaunchSetup = Awaited<ReturnType<typeof launchSetup>>;
const allowed = { instanceProfileArns: [], subnetIds: [], securityGroupIds: [] };

/** The ports of a process that dies at its n-th call, before or after that took effect. */
export function dying<Ports extends object>(
  ports: Ports,
  atCall: number,
  when: 'before' | 'after',
): { life: Life; ports: Ports } {
  const life = new Life({ dies: (call, side) => call === atCall && side === when });
  const wrapped = Object.entries(ports).map(([name, port]) => [name, isPort(port) ? killable(port, life) : port]);
  return { life, ports: Object.fromEntries(wrapped) as Ports };
}

const isPort = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && ('send' in value || Object.values(value).some(isFunction));
const isFunction = (member: unknown): boolean => typeof member === 'function';

/** Asks for a launch, and says which one that is. */
export async function asked(setup: LaunchSetup): Promise<string> {
  await setup.ask();
  return setup.launch.messages.at(-1)?.launchId ?? '';
}
