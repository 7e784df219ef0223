import { it as property } from '@fast-check/vitest';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ec2Error } from '#local/aws/ec2/ec2-error.ts';
import { Ec2Region } from '#local/aws/ec2/region.ts';
import { presentOf } from '#local/aws/ec2/simulated-instance.ts';
import type { RegionSnapshot } from '#local/aws/ec2/world.ts';
import { random } from '#local/random.ts';
import { isLegalStep } from '#shared/domain/instance/instance.ts';
import { HandClock, here, makeRegion, oneInstance, startedAt } from './lab.ts';

const launch = (region: Ec2Region) => region.runInstances(here, oneInstance).Instances![0]!.InstanceId!;
const states = (region: Ec2Region) => region.truth().map((instance) => presentOf(instance).state);

describe('the events of a region', () => {
  it('are EC2’s own, with whole seconds and an id each', () => {
    const { region, clock, events } = makeRegion();
    const id = launch(region);
    clock.advance(10_000);
    expect(events[0]).toEqual({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      'detail-type': 'EC2 Instance State-change Notification',
      source: 'aws.ec2',
      account: here.account,
      time: '2026-11-02T10:00:00Z',
      region: here.region,
      resources: [`arn:aws:ec2:us-east-1:${here.account}:instance/${id}`],
      detail: { 'instance-id': id, state: 'pending' },
    });
    expect(events[1]).toMatchObject({ time: '2026-11-02T10:00:10Z', detail: { state: 'running' } });
    expect(events[1]?.id).not.toBe(events[0]?.id);
  });

  it('carry the partition of their region and the source that was asked for', () => {
    const { region, events } = makeRegion({ source: 'muster.local' });
    region.runInstances({ ...here, region: 'cn-north-1' }, oneInstance);
    expect(events[0]?.source).toBe('muster.local');
    expect(events[0]?.resources[0]).toMatch(/^arn:aws-cn:ec2:cn-north-1:/);
  });
});

describe('the truth', () => {
  it('has every transition with its exact time, the launch token, the user data and the tags', () => {
    const { region, clock } = makeRegion();
    const userData = Buffer.from('seed').toString('base64');
    region.runInstances(here, { ...oneInstance, ClientToken: 'mst-1', UserData: userData });
    clock.advance(60_000);
    const [instance] = region.truth();
    expect(instance).toMatchObject({ clientToken: 'mst-1', configuration: { userData } });
    expect(instance?.history.map(({ state, at }) => [state, at])).toEqual([
      ['pending', startedAt],
      ['running', startedAt + 10_000],
    ]);
  });

  it('is a copy', () => {
    const { region } = makeRegion();
    launch(region);
    region.truth()[0]!.history[0].state = 'terminated';
    expect(states(region)).toEqual(['pending']);
  });
});

describe('a snapshot', () => {
  it('survives JSON and goes on where it was, with transitions to come and tokens used', () => {
    const before = makeRegion();
    before.region.runInstances(here, { ...oneInstance, ClientToken: 'mst-1' });
    const kept = JSON.parse(JSON.stringify(before.region.snapshot())) as RegionSnapshot;
    const clock = new HandClock();
    const after = Ec2Region.restore(kept, { ...before.options, clock, random: random(2) });
    expect(after.truth()).toEqual(before.region.truth());
    after.runInstances(here, { ...oneInstance, ClientToken: 'mst-1' });
    expect(after.truth()).toHaveLength(1);
    clock.advance(10_000);
    expect(states(after)).toEqual(['running']);
    expect(states(before.region)).toEqual(['pending']);
  });

  it('does what fell due in between at once, stamped with the time it was due', () => {
    const before = makeRegion();
    launch(before.region);
    const clock = new HandClock();
    clock.advance(3_600_000);
    const after = makeRegion({ clock });
    const restored = Ec2Region.restore(before.region.snapshot(), after.options);
    clock.advance(0);
    expect(restored.truth()[0]?.history.at(-1)).toMatchObject({ state: 'running', at: startedAt + 10_000 });
    expect(after.events).toMatchObject([{ time: '2026-11-02T10:00:10Z', detail: { state: 'running' } }]);
  });

  it('is asked for after every change', () => {
    const snapshots: RegionSnapshot[] = [];
    const made = makeRegion({ onChange: () => snapshots.push(made.region.snapshot()) });
    const id = launch(made.region);
    expect(snapshots.at(-1)).toEqual(made.region.snapshot());
    made.clock.advance(10_000);
    expect(snapshots.at(-1)).toEqual(made.region.snapshot());
    made.region.createTags(here, { Resources: [id], Tags: [{ Key: 'a', Value: 'b' }] });
    expect(snapshots.at(-1)).toEqual(made.region.snapshot());
    made.region.rebootInstances(here, { InstanceIds: [id] });
    expect(snapshots.at(-1)).toEqual(made.region.snapshot());
    made.region.stopInstances(here, { InstanceIds: [id] });
    expect(snapshots.at(-1)).toEqual(made.region.snapshot());
  });
});

const act = fc.record({
  what: fc.constantFrom('start', 'stop', 'force', 'terminate', 'inside', 'wait'),
  ms: fc.nat(30_000),
});

function perform(region: Ec2Region, clock: HandClock, id: string, { what, ms }: { what: string; ms: number }): void {
  const input = { InstanceIds: [id] };
  const acts: Record<string, () => unknown> = {
    start: () => region.startInstances(here, input),
    stop: () => region.stopInstances(here, input),
    force: () => region.stopInstances(here, { ...input, Force: true }),
    terminate: () => region.terminateInstances(here, input),
    inside: () => region.shutDownFromInside({ ...here, instanceId: id }),
    wait: () => clock.advance(ms),
  };
  try {
    acts[what]!();
  } catch (error) {
    expect(error).toBeInstanceOf(Ec2Error);
  }
}

describe('whatever is asked of an instance', () => {
  property.prop([fc.array(act, { maxLength: 30 }), fc.integer(), fc.boolean()])(
    'takes legal steps only, in time, tells every one, and comes to rest',
    (acts, seed, fails) => {
      const { region, clock, events } = makeRegion({
        random: random(seed),
        timings: { startMs: [0, 9_000], stopMs: [0, 9_000], terminateMs: [0, 9_000] },
      });
      const id = launch(region);
      if (fails)
        region.faults.add({
          what: 'fail-start',
          where: { service: 'ec2', operation: 'StartInstances' },
          code: 'Client.InternalError',
          times: 1,
        });
      for (const one of acts) perform(region, clock, id, one);
      clock.advance(60_000);
      const { history, ahead } = region.truth()[0]!;
      expect(ahead).toEqual([]);
      expect(['running', 'stopped', 'terminated']).toContain(history.at(-1)?.state);
      history.slice(1).forEach((transition, index) => {
        const before = history[index]!;
        expect(isLegalStep(before.state, transition.state), `${before.state} to ${transition.state}`).toBe(true);
        expect(transition.at).toBeGreaterThanOrEqual(before.at);
        expect(transition.launchTime).toBeGreaterThanOrEqual(before.launchTime);
      });
      expect(events.map((event) => event.detail.state)).toEqual(history.map((transition) => transition.state));
    },
  );
});
