import { describe, expect, it } from 'vitest';
import type { EnrollmentScope } from '#shared/domain/enrollment/enrollment-key.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { seconds } from '#shared/domain/time.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { agentImage, audience } from '../region/places.ts';
import { here, launch, launched, minutes, newServer, record, type Setup, setup } from './setup.ts';

/** Registers a key and runs instances with its seed. */
async function runWithKey({ pipeline }: Setup, scope: Partial<EnrollmentScope> = {}, count = 1) {
  const { seed, publicKeyX: publicKey } = newGrantKey(() => Buffer.alloc(32, 7));
  const { id } = await pipeline.functions.operate<{ id: string }>('POST', '/v1/enrollment-keys', { publicKey, scope });
  const muster = { url: audience, grant: { id, seed: Buffer.from(seed).toString('base64url') } };
  const { Instances = [] } = pipeline.ec2.runInstances(here, {
    ...{ ImageId: agentImage, InstanceType: 't4g.nano', MinCount: count, MaxCount: count },
    UserData: Buffer.from(JSON.stringify({ muster })).toString('base64'),
  });
  const keys: InstanceKey[] = Instances.map(({ InstanceId = '' }) => ({ ...here, instanceId: InstanceId }));
  return { id, keys };
}

/** The instance runs, stops before its agent has spoken, gets another disk or interface, and starts again. */
async function tamper({ pipeline: { ec2, clock } }: Setup, key: InstanceKey, what: 'disk' | 'interface' | 'store') {
  const stopped = { InstanceIds: [key.instanceId] };
  await clock.advanceBy(seconds(16));
  ec2.stopInstances(here, stopped);
  await clock.advanceBy(minutes(2));
  const now = clock.now().getTime();
  if (what === 'interface') ec2.rewire(key, { interfaceAttachedAt: now });
  else ec2.rewire(key, { rootVolume: what === 'store' ? null : { volumeId: 'vol-other', attachedAt: now } });
  ec2.startInstances(here, stopped);
  await clock.advanceBy(minutes(10));
}

describe('a disk or an interface that was moved into an instance before its agent spoke', () => {
  it.each(['disk', 'interface', 'store'] as const)('keeps it out with an enrollment key: %s', async (what) => {
    const where = setup();
    where.pipeline.ec2.timings = { startMs: [15_000, 15_000], stopMs: [1000, 1000], terminateMs: [1000, 1000] };
    const { keys } = await runWithKey(where);
    await tamper(where, keys[0]!, what);
    expect(where.agents.on(keys[0]!).state).toMatchObject({ enrolled: null, refused: 'attachments_differ' });
    expect(record(where, keys[0]!)).toMatchObject({ agent: null, management: { status: 'pending' } });
  });

  it('keeps it out with its launch’s grant', async () => {
    const where = setup();
    where.pipeline.ec2.timings = { startMs: [15_000, 15_000], stopMs: [1000, 1000], terminateMs: [1000, 1000] };
    await launch(where, await newServer(where));
    await where.pipeline.clock.advanceBy(seconds(1));
    const [instance] = launched(where);
    await tamper(where, instance!, 'disk');
    expect(where.agents.on(instance!).state).toMatchObject({ enrolled: null, refused: 'attachments_differ' });
  });

  it('lets it in where the key says so', async () => {
    const where = setup();
    where.pipeline.ec2.timings = { startMs: [15_000, 15_000], stopMs: [1000, 1000], terminateMs: [1000, 1000] };
    const { keys } = await runWithKey(where, { attachments: ['root_moved'] });
    await tamper(where, keys[0]!, 'disk');
    expect(record(where, keys[0]!)).toMatchObject({ management: { status: 'enrolled' } });
  });
});

describe('a root volume that EC2 is slow to tell of', () => {
  it('keeps nobody out for good, and holds up no launch', async () => {
    const where = setup();
    const { faults, clock } = where.pipeline;
    faults.add({ what: 'stale', where: { service: 'ec2' }, lags: { volumesMs: minutes(2) } });
    const { keys } = await runWithKey(where);
    await launch(where, await newServer(where));
    await clock.advanceBy(seconds(90));
    expect(record(where, launched(where)[0]!)).toMatchObject({ management: { status: 'enrolled' } });
    expect(where.agents.on(keys[0]!).state).toMatchObject({ refused: 'instance_not_described' });
    await clock.advanceBy(minutes(2));
    expect(record(where, keys[0]!)).toMatchObject({ management: { status: 'enrolled', reason: 'enrollment_key' } });
  });
});

describe('an enrollment key that is revoked while a fleet starts with it', () => {
  it('enrolls nobody after the answer', async () => {
    const where = setup();
    const { clock, functions } = where.pipeline;
    const { id, keys } = await runWithKey(where, {}, 20);
    const enrolled = () => keys.filter((key) => record(where, key)?.management.status === 'enrolled').length;
    for (let waited = 0; enrolled() === 0 && waited < 120; waited++) await clock.advanceBy(seconds(1));
    const revoked = await functions.operate<{ lastUsedAt: string | null }>('DELETE', `/v1/enrollment-keys/${id}`);
    const then = enrolled();
    await clock.advanceBy(minutes(10));
    expect([then > 0, then < keys.length, enrolled()]).toEqual([true, true, then]);
    expect(revoked.lastUsedAt).not.toBeNull();
    const told = keys.map((key) => where.agents.on(key).state?.refused ?? 'enrolled');
    expect(new Set(told)).toEqual(new Set(['enrolled', 'grant_revoked']));
  });
});
