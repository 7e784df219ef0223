import {
  CreateTagsCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import type { ShownEvent, ShownInstance, ShownServer, Stage } from './stage.ts';

/** A key that an operator keeps: the seed never leaves the place where it was made. */
export interface OperatorKey {
  id: string;
  seed: string;
}

export async function createKey(stage: Stage, scope: object = {}): Promise<OperatorKey> {
  const { seed, publicKeyX } = stage.newGrantKey();
  const { id } = await stage.api<{ id: string }>('POST', '/v1/enrollment-keys', { publicKey: publicKeyX, scope });
  return { id, seed: Buffer.from(seed).toString('base64url') };
}

/** What an agent needs to know: where to enroll and the grant to show. */
export const agentSettings = (stage: Stage, grant?: OperatorKey): object => ({
  url: stage.url,
  ...(grant && { grant }),
});

/** Runs an instance as anyone with EC2 may, past Muster. */
export async function runDirectly(
  stage: Stage,
  options: { image: string; account?: string; region?: string; tags?: Record<string, string>; grant?: OperatorKey },
): Promise<InstanceKey> {
  const { account = stage.settings.account, region = stage.settings.homeRegion, tags = {} } = options;
  const userData = JSON.stringify({ muster: agentSettings(stage, options.grant) });
  const answer = await stage.ec2(account, region).send(
    new RunInstancesCommand({
      ImageId: options.image,
      InstanceType: 't4g.small',
      MinCount: 1,
      MaxCount: 1,
      SubnetId: stage.settings.subnetId,
      UserData: Buffer.from(userData).toString('base64'),
      TagSpecifications: [
        { ResourceType: 'instance', Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
      ],
    }),
  );
  const instanceId = answer.Instances?.[0]?.InstanceId;
  if (!instanceId) throw new Error('EC2 ran no instance');
  return { account, region, instanceId };
}

/** Creates a server and launches it by Muster. */
export async function launchServer(
  stage: Stage,
  name: string,
  options: { region?: string; tags?: Record<string, string> } = {},
): Promise<ShownServer> {
  const { account, homeRegion, agentImage, subnetId, securityGroupId } = stage.settings;
  const request = {
    imageId: agentImage,
    instanceType: 't4g.small',
    subnetId,
    securityGroupIds: [securityGroupId],
    tags: { Name: name, ...options.tags },
  };
  const region = options.region ?? homeRegion;
  const server = await stage.api<ShownServer>('POST', '/v1/servers', { name, account, region, request });
  return stage.api<ShownServer>('POST', `/v1/servers/${server.id}/launch`);
}

/** The instance that a launch made, once Muster has attached it. */
export async function instanceOf(stage: Stage, server: ShownServer): Promise<InstanceKey> {
  const { account, region, instanceId } = await stage.until(`${server.name} has an instance`, async () => {
    const shown = await stage.api<ShownServer>('GET', `/v1/servers/${server.id}`);
    return shown.instance ?? undefined;
  });
  return { account, region, instanceId };
}

export const inState = (stage: Stage, key: InstanceKey, state: string): Promise<unknown> =>
  stage.until(`${key.instanceId} is ${state}`, () => stage.truth(key)?.state === state || undefined);

export const agentEnrolled = (stage: Stage, key: InstanceKey): Promise<unknown> =>
  stage.until(`the agent of ${key.instanceId} is enrolled`, () => stage.agentFile(key)?.enrolled ?? undefined);

export const agentRefused = (stage: Stage, key: InstanceKey): Promise<unknown> =>
  stage.until(`the agent of ${key.instanceId} is refused`, () => stage.agentFile(key)?.refused ?? undefined);

export const pathOf = ({ account, region, instanceId }: InstanceKey): string =>
  `/v1/instances/${account}/${region}/${instanceId}`;

export async function shown(stage: Stage, key: InstanceKey): Promise<ShownInstance | undefined> {
  return stage.api<ShownInstance>('GET', pathOf(key)).catch(() => undefined);
}

export async function stopAndStart(stage: Stage, key: InstanceKey): Promise<void> {
  const ec2 = stage.ec2(key.account, key.region);
  await ec2.send(new StopInstancesCommand({ InstanceIds: [key.instanceId] }));
  await inState(stage, key, 'stopped');
  await ec2.send(new StartInstancesCommand({ InstanceIds: [key.instanceId] }));
  await inState(stage, key, 'running');
}

/** From now on EC2's events about the instance never arrive. */
export async function loseEvents(stage: Stage, key: InstanceKey): Promise<void> {
  const Tags = [{ Key: stage.settings.eventsTag, Value: 'lost' }];
  await stage.ec2(key.account, key.region).send(new CreateTagsCommand({ Resources: [key.instanceId], Tags }));
}

/** An agent says `operational` as soon as it is enrolled and goes on saying it. */
export async function agentsWord(stage: Stage, key: InstanceKey): Promise<{ expected: string; ended: string }> {
  const says = stage.agentFile(key)?.enrolled ? 'operational' : 'silent';
  return { expected: `agent ${says}`, ended: `agent ${(await shown(stage, key))?.agent?.state ?? 'silent'}` };
}

/**
 * The history tells of every step of an instance whose events arrive, each with EC2's own stamp: no later look can tell that. The first
 * goes without: a describe that saw the start first stamps it with LaunchTime, which may be a second off.
 */
export async function stepsTold(stage: Stage, key: InstanceKey): Promise<{ expected: string; ended: string }> {
  const { items } = await stage.api<{ items: ShownEvent[] }>('GET', `${pathOf(key)}/history`);
  const told = items
    .filter(({ detailType }) => detailType === 'Instance State Changed')
    .map(({ detail }) => detail.data);
  const words = (steps: readonly { state?: string; at?: string }[]) =>
    `told of ${steps.map(({ state, at }, nth) => (nth === 0 ? state : `${state} ${at?.slice(11, 19)}`)).join(', ') || 'nothing'}`;
  return { expected: words(stage.truth(key)?.steps ?? []), ended: words(told) };
}
