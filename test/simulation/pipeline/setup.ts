import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { StateChangeEvent } from '#local/aws/ec2/state-change-event.ts';
import { sqsEvent } from '#local/aws/sqs/sqs-message.ts';
import { type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import { Agents } from '../region/agents.ts';
import { request } from '../region/fleet.ts';
import { Pipeline } from '../region/pipeline.ts';
import { accounts, agentImage, plainImage } from '../region/places.ts';
import { verdict } from '../region/verdict.ts';
import { Watch } from '../region/watch.ts';

export const here = { account: accounts.hub, region: 'us-east-1' };
export const minutes = (count: number): number => seconds(60 * count);
/** Every wait of Muster's is over by then: a sweep's find may take three quarters of an hour, an empty pair's turn an hour. */
export const longEnough = minutes(130);

/** A pipeline in fair weather, with somebody who looks on and agents in the instances that have one. */
export function setup(seed = 1) {
  const watch = new Watch();
  const pipeline = new Pipeline({ seed, watch });
  const agents = new Agents(pipeline);
  return { pipeline, watch, agents, wrong: () => verdict(pipeline, watch) };
}
export type Setup = ReturnType<typeof setup>;

/** An operator makes a server; nothing is launched yet. */
export async function newServer({ pipeline }: Setup, name = 'web-1'): Promise<string> {
  const { id } = await pipeline.functions.operate<{ id: string }>('POST', '/v1/servers', { name, ...here, request });
  return id;
}

export async function launch({ pipeline }: Setup, serverId: string): Promise<void> {
  await pipeline.functions.operate('POST', `/v1/servers/${serverId}/launch`);
}

/** Somebody runs instances past Muster, in one request. */
export function runDirectly({ pipeline }: Setup, count: number, zone = 'us-east-1a'): InstanceKey[] {
  const { Instances = [] } = pipeline.ec2.runInstances(here, {
    ...{ ImageId: plainImage, InstanceType: 't4g.nano', MinCount: count, MaxCount: count },
    Placement: { AvailabilityZone: zone },
  });
  return Instances.map(({ InstanceId = '' }) => ({ ...here, instanceId: InstanceId }));
}

/** The same for one. */
export function runOne(where: Setup): InstanceKey {
  const [key] = runDirectly(where, 1);
  if (!key) throw new Error('EC2 ran nothing');
  return key;
}

export const record = ({ watch }: Setup, key: InstanceKey) => watch.instances.get(keyOf(key));

/** What EC2 launched for Muster. */
export const launched = ({ pipeline }: Setup) =>
  pipeline.ec2
    .truth()
    .filter(({ clientToken, configuration }) => clientToken.startsWith('mst-') && configuration.imageId === agentImage);

export const told = ({ pipeline }: Setup, detailType: string) =>
  [...pipeline.told.values()].filter((event) => event.detailType === detailType).map(({ detail }) => detail.data);

/** EC2's events as its bus would send them, kept back so that a test delivers them itself. */
export function heldBack({ pipeline }: Setup): StateChangeEvent[] {
  const events: StateChangeEvent[] = [];
  pipeline.faults.add({ what: 'drop', where: { service: 'events', bus: 'default' } });
  pipeline.listeners.push((event) => events.push(event));
  return events;
}

/** Bodies as one batch of a queue, message ids `m0`, `m1` and so on. */
export function batchOf(bodies: readonly unknown[]): SQSEvent {
  const messages = bodies.map((body, index) => ({
    ...{ key: `k${index}`, messageId: `m${index}`, queue: 'q', body: JSON.stringify(body), attributes: {} },
    ...{ sentAt: 0, visibleAt: 0, receives: 1, firstReceivedAt: 0, receipt: `k${index}#1`, deadLetterSource: null },
  }));
  return sqsEvent(messages, 'arn:aws:sqs:us-east-1:111122223333:q');
}

export const failedOf = ({ batchItemFailures }: SQSBatchResponse): string[] =>
  batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
