import { describe, expect, it } from 'vitest';
import {
  type AccountRegion,
  newAccountRegion,
  planSweep,
  type Sweep,
  type SweepPlan,
} from '#shared/domain/cloud/sweep.ts';
import { type Instance, newInstance, withCloud } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anInstance, aSight, clock } from '#test/build/an-instance.ts';

const pair = newAccountRegion(aKey.account, aKey.region);
const sweptAt = (time: string): AccountRegion => ({ ...pair, lastSweepAt: clock(time) });
const idOf = (n: number) => `i-${n.toString(16).padStart(17, '0')}`;
const fleet = (size: number) => Array.from({ length: size }, (_, n) => anInstance({ instanceId: idOf(n) }));

/** A complete sweep that sees nothing, of what is given. */
const sweep = (overrides: Partial<Sweep>): SweepPlan =>
  planSweep(
    {
      ...{ pair, records: [], lastHeardAt: new Map(), sentAt: clock('11:00:00'), complete: true },
      ...{ sights: [], unreadableIds: [] },
      ...overrides,
    },
    defaultTiming,
  );
const applied = (records: readonly Instance[], plan: SweepPlan): Instance[] => {
  const changed = new Map(plan.changes.map(({ outcome }) => [outcome.instance.instanceId, outcome.instance]));
  return records.map((record) => changed.get(record.instanceId) ?? record);
};
const one = (record: Instance, overrides: Partial<Sweep>) =>
  applied([record], sweep({ records: [record], ...overrides }))[0] as Instance;
const countEnded = (records: readonly Instance[]) =>
  records.filter(({ cloud: { state } }) => state === 'terminated').length;

describe('what a sweep sees', () => {
  it('is merged like any describe', () => {
    const record = anInstance();
    const plan = sweep({ records: [record], sights: [aSight({ state: 'stopped', sentAt: clock('11:00:00') })] });
    expect(plan.changes).toHaveLength(1);
    expect(applied([record], plan)[0]).toMatchObject({ cloud: { state: 'stopped', source: 'describe' } });
  });

  it('and agrees with is not worth a write', () => {
    const plan = sweep({ records: [anInstance()], sights: [aSight({ sentAt: clock('11:00:00') })] });
    expect(plan.changes.filter(({ outcome }) => outcome.changed)).toEqual([]);
    expect(plan.pair.lastSweepAt).toBe(clock('11:00:00'));
  });

  it('for the first time gets up to half an hour more to enroll, by hash', () => {
    const found = Array.from({ length: 50 }, (_, n) => aSight({ instanceId: idOf(n), sentAt: clock('11:00:00') }));
    const graces = sweep({ sights: found }).changes.map(
      ({ outcome }) => outcome.instance.management.notBefore - clock('11:00:00'),
    );
    expect(Math.min(...graces)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...graces)).toBeLessThan(1_800_000);
    expect(new Set(graces).size).toBeGreaterThan(40);
  });

  it('counts though the sweep was not complete', () => {
    const plan = sweep({ complete: false, sights: [aSight()] });
    expect(plan.changes[0]?.outcome).toMatchObject({ changed: true, instance: { cloud: { state: 'running' } } });
    expect(plan.pair).toEqual(pair);
  });
});

describe('what a complete sweep misses', () => {
  it('is marked by the first and gone by the second, from when the first was sent', () => {
    const marked = one(anInstance(), { pair: sweptAt('10:50:00') });
    expect(marked).toMatchObject({
      cloud: { state: 'running', absent: { seenAt: clock('10:50:00'), since: clock('11:00:00') } },
    });
    const gone = one(marked, { pair: sweptAt('11:00:00'), sentAt: clock('11:05:00') });
    expect(gone).toMatchObject({
      cloud: { state: 'terminated', inferred: true, source: 'absence', at: clock('11:00:00') },
    });
  });

  it('the first mark does not count where the last sight is S ago or less: sweeps exactly S apart need a third', () => {
    const marked = one(anInstance(), { pair: sweptAt('10:55:00') });
    expect(marked.cloud.absent).toEqual({ seenAt: clock('10:55:00'), since: null });
    const again = one(marked, { pair: sweptAt('11:00:00'), sentAt: clock('11:05:00') });
    expect(again).toMatchObject({
      cloud: { state: 'running', absent: { seenAt: clock('10:55:00'), since: clock('11:05:00') } },
    });
    expect(one(again, { pair: sweptAt('11:05:00'), sentAt: clock('11:10:00') })).toMatchObject({
      cloud: { state: 'terminated' },
    });
  });

  it('is never gone by the same sweep twice', () => {
    const marked = one(anInstance(), { pair: sweptAt('10:50:00') });
    expect(one(marked, { pair: sweptAt('10:50:00') })).toBe(marked);
  });

  it('a new instance is only marked, until it could have been listed', () => {
    const young = anInstance({ cloud: { at: clock('10:58:00') }, management: { notBefore: clock('10:58:01') } });
    expect(one(young, {}).cloud.absent).toEqual({ seenAt: clock('10:58:00'), since: null });
  });

  it('a record that only an enrollment made may go, too', () => {
    const unseen = newInstance(aKey, clock('10:00:00'));
    const marked = one(unseen, {});
    expect(one(marked, { sentAt: clock('11:05:00'), pair: sweptAt('11:00:00') })).toMatchObject({
      cloud: { state: 'terminated', inferred: true },
    });
  });

  it('a sight in between takes the mark off', () => {
    const marked = one(anInstance(), { pair: sweptAt('10:50:00') });
    const seen = one(marked, { sentAt: clock('11:05:00'), sights: [aSight({ sentAt: clock('11:05:00') })] });
    expect(seen.cloud.absent).toBeNull();
    expect(one(seen, { pair: sweptAt('11:05:00'), sentAt: clock('11:11:00') })).toMatchObject({
      cloud: { state: 'running' },
    });
  });

  it('a check-in since vetoes it', () => {
    const marked = one(anInstance(), { pair: sweptAt('10:50:00') });
    const lastHeardAt = new Map([[aKey.instanceId, clock('11:04:00')]]);
    const vetoed = one(marked, { lastHeardAt, pair: sweptAt('11:00:00'), sentAt: clock('11:10:00') });
    expect(vetoed).toMatchObject({
      cloud: { state: 'running', absent: { seenAt: clock('11:04:00'), since: clock('11:10:00') } },
    });
  });

  it('both sweeps must have started more than S after the last sight', () => {
    const marked = anInstance({ cloud: { absent: { seenAt: clock('10:50:00'), since: clock('11:00:00') } } });
    const lastHeardAt = new Map([[aKey.instanceId, clock('10:58:00')]]);
    expect(one(marked, { lastHeardAt, sentAt: clock('11:05:00') })).toMatchObject({ cloud: { state: 'running' } });
  });

  it('an incomplete one misses nothing', () => {
    const plan = sweep({ records: [anInstance()], complete: false });
    expect(plan).toEqual({ pair, changes: [], alarms: [], withheldIds: [] });
  });

  it('what has ended is left alone, but a doubt about it that outlasts S is settled', () => {
    const ended = anInstance({ cloud: { state: 'terminated', at: clock('10:00:00') } });
    expect(one(ended, {})).toBe(ended);
    const doubted = withCloud(ended, { verify: { reason: 'alive_when_ended', since: clock('10:55:00') } });
    expect(one(doubted, {})).toEqual(doubted);
    expect(one(doubted, { sentAt: clock('11:00:01') })).toEqual(ended);
  });

  it('an end by inference leaves no doubt', () => {
    const verify = { reason: 'illegal_step', since: clock('10:30:00') } as const;
    const marked = one(anInstance({ cloud: { verify } }), {});
    expect(one(marked, { pair: sweptAt('11:00:00'), sentAt: clock('11:05:00') }).cloud.verify).toBeNull();
  });

  it('an older sweep that ends later does not take the pair’s clock back', () => {
    expect(sweep({ pair: sweptAt('11:10:00') }).pair.lastSweepAt).toBe(clock('11:10:00'));
  });
});

describe('the mass-removal guard', () => {
  const marked = (size: number) => applied(fleet(size), sweep({ records: fleet(size) }));
  const second = (records: readonly Instance[], overrides: Partial<Sweep> = {}) =>
    sweep({ records, pair: sweptAt('11:00:00'), sentAt: clock('11:05:00'), ...overrides });

  it.each([
    [5, 5, false],
    [6, 6, true],
    [60, 6, false],
    [60, 7, true],
    [200, 20, false],
    [200, 21, true],
  ])('of %i records %i missing: withheld %s', (size, missing, withheld) => {
    const records = marked(size);
    const sights = records.slice(missing).map(({ instanceId }) => aSight({ instanceId, sentAt: clock('11:05:00') }));
    const plan = second(records, { sights });
    expect(countEnded(applied(records, plan))).toBe(withheld ? 0 : missing);
    expect(plan.alarms).toEqual(withheld ? ['mass_removal_withheld'] : []);
    expect(plan.pair.withheld).toEqual(withheld ? { since: clock('11:05:00'), released: false } : null);
  });

  it('keeps the marks and names what it withheld', () => {
    const records = marked(6);
    const plan = second(records);
    expect(plan.withheldIds).toEqual(records.map(({ instanceId }) => instanceId));
    expect(applied(records, plan)).toEqual(records);
  });

  it('ended records are no part of the share', () => {
    const old = fleet(100)
      .slice(6)
      .map((record): Instance => ({ ...record, cloud: { ...record.cloud, state: 'terminated' } }));
    expect(second([...marked(6), ...old]).withheldIds).toHaveLength(6);
  });

  it('an operator releases it', () => {
    const records = marked(6);
    const released = { ...sweptAt('11:00:00'), withheld: { since: clock('11:05:00'), released: true } };
    const plan = second(records, { pair: released, sentAt: clock('11:10:00') });
    expect(countEnded(applied(records, plan))).toBe(6);
    expect(plan.pair.withheld).toBeNull();
  });

  it('an hour of complete sweeps that agree releases it', () => {
    const records = marked(6);
    const pairSince = { ...sweptAt('11:00:00'), withheld: { since: clock('11:05:00'), released: false } };
    const at = (time: string) => second(records, { pair: pairSince, sentAt: clock(time) });
    expect(at('12:04:59').withheldIds).toHaveLength(6);
    expect(at('12:04:59').pair.withheld).toEqual(pairSince.withheld);
    expect(countEnded(applied(records, at('12:05:00')))).toBe(6);
  });

  it('a sweep that would not remove too much begins the hour anew', () => {
    const records = marked(6);
    const pairSince = { ...sweptAt('11:00:00'), withheld: { since: clock('11:05:00'), released: false } };
    const sights = records.map(({ instanceId }) => aSight({ instanceId, sentAt: clock('11:10:00') }));
    expect(second(records, { pair: pairSince, sentAt: clock('11:10:00'), sights }).pair.withheld).toBeNull();
  });

  it('an incomplete sweep neither begins nor ends it', () => {
    const pairSince = { ...sweptAt('11:00:00'), withheld: { since: clock('11:05:00'), released: true } };
    expect(second(marked(6), { pair: pairSince, complete: false }).pair).toEqual(pairSince);
  });
});
