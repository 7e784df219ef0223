import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultTiming } from '#shared/domain/timing.ts';
import { second } from '#test/build/records.ts';
import { type Fate, fates, here, Machine, type OneKey, oneKey } from './machine.ts';

const interval = defaultTiming.checkinIntervalSeconds * second;

/** What happens next: time passes, then a machine checks in, with whatever fate; or something late comes through. */
const step = fc.record({
  machine: fc.nat(1),
  fate: fc.oneof({ weight: 3, arbitrary: fc.constant<Fate>('heard') }, fc.constantFrom(...fates)),
  /** Another boot has a new word to say: the lease is written at once. */
  boot: fc.constantFrom('b0', 'b0', 'b0', 'b1', 'b2'),
  waitMs: fc.constantFrom(0, 1000, interval / 2, interval, 2 * interval),
  delivers: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function play(muster: OneKey, machines: readonly Machine[], steps: readonly Step[]): Promise<void> {
  for (const { machine, fate, boot, waitMs, delivers } of steps) {
    muster.now += waitMs;
    const one = machines[machine % machines.length]!;
    await one.checkIn(fate, boot);
    if (delivers) await one.deliverLate();
  }
}

const steps = (most: number) => fc.array(step, { maxLength: most });
const clean = { fate: 'heard', boot: 'b0', waitMs: interval, delivers: false } as const;

describe('one agent', () => {
  it('is never taken for two, whatever is lost, late or sent again, and wherever it crashes; and is heard again', async () => {
    await fc.assert(
      fc.asyncProperty(steps(40), async (played) => {
        const muster = await oneKey();
        const agent = new Machine(muster);
        await play(muster, [agent], played);
        const heard = muster.spoken.length;
        for (let late = 0; late < 40; late++) await agent.deliverLate();
        await play(
          muster,
          [agent],
          [
            { ...clean, machine: 0 },
            { ...clean, machine: 0 },
          ],
        );
        expect(muster.codes).not.toContain('identity_conflict');
        expect(muster.spoken.length).toBeGreaterThanOrEqual(heard + 1);
        expect((await muster.store.getInstance(here))?.identity.conflict).toBeNull();
      }),
      { numRuns: 400 },
    );
  });

  it('costs one lease in two intervals, and no other write', async () => {
    const muster = await oneKey();
    const agent = new Machine(muster);
    await agent.checkIn('heard', 'b0');
    const { version } = (await muster.store.getInstance(here))!;
    const leases = new Set<number>();
    for (let minute = 0; minute < 60; minute++) {
      muster.now += interval;
      await agent.checkIn('heard', 'b0');
      leases.add((await muster.store.getLease(here))!.seq);
    }
    expect([muster.spoken.length, muster.linksTaken, leases.size]).toEqual([61, 31, 31]);
    expect((await muster.store.getInstance(here))?.version).toBe(version);
  });
});

/** Whoever is heard once two links have been taken since the copy was made. */
const speakers = ({ spoken }: OneKey) => new Set(spoken.filter(({ links }) => links >= 2).map(({ by }) => by));

describe('two machines with one disk', () => {
  it('speak for no longer than two links: then one alone does, or neither', async () => {
    await fc.assert(
      fc.asyncProperty(steps(12), steps(8), steps(40), async (before, between, after) => {
        const muster = await oneKey();
        const original = new Machine(muster);
        await play(muster, [original], before);
        const snapshot = original.snapshot();
        // The disk may be older than the moment in which its copy boots.
        await play(muster, [original], between);
        Object.assign(muster, { linksTaken: 0, spoken: [] });
        const twins = [original, original.copy('B', snapshot)];
        await play(muster, twins, after);
        const {
          identity: { conflict },
        } = (await muster.store.getInstance(here))!;
        expect(speakers(muster).size).toBeLessThanOrEqual(1);
        if (conflict) expect(muster.codes).toContain('identity_conflict');
        const spokenBefore = muster.spoken.length;
        if (conflict)
          await play(muster, twins, [
            { ...clean, machine: 0 },
            { ...clean, machine: 1 },
          ]);
        if (conflict) expect(muster.spoken.length).toBe(spokenBefore);
      }),
      { numRuns: 400 },
    );
  });

  it('are seen once both check in and are answered, wherever the copy was made', async () => {
    await fc.assert(
      fc.asyncProperty(steps(12), steps(8), fc.boolean(), async (before, between, copyFirst) => {
        const muster = await oneKey();
        const original = new Machine(muster);
        await play(muster, [original], before);
        const snapshot = original.snapshot();
        await play(muster, [original], between);
        const twins = [original, original.copy('B', snapshot)];
        const turns = copyFirst ? [1, 0] : [0, 1];
        const rounds = Array.from({ length: 6 }, () => turns.map((machine) => ({ ...clean, machine }))).flat();
        await play(muster, twins, rounds);
        expect((await muster.store.getInstance(here))?.identity.conflict).toMatchObject({ reason: 'broken_chain' });
      }),
      { numRuns: 400 },
    );
  });

  it('are seen by the second link that is taken, when they take turns', async () => {
    const muster = await oneKey();
    const original = new Machine(muster);
    await play(
      muster,
      [original],
      [
        { ...clean, machine: 0 },
        { ...clean, machine: 0 },
      ],
    );
    muster.linksTaken = 0;
    const twins = [original, original.copy('B')];
    for (let minute = 0; !(await muster.store.getInstance(here))?.identity.conflict; minute++)
      await play(muster, twins, [{ ...clean, machine: minute % 2 }]);
    expect(muster.linksTaken).toBeLessThanOrEqual(2);
  });
});

describe('a thief with the disk, who counts, boots and comes as he likes', () => {
  const theft = fc.record({
    jump: fc.constantFrom(0, 1, 1500, 2 ** 32, 2 ** 51, 2 ** 52 - 1_000_000),
    boot: fc.constantFrom('b0', 'b1', 'b2'),
    waitMs: fc.constantFrom(0, 1000, interval, 2 * interval),
  });

  it('is seen by the third answered check-in of the true agent, if he was heard for longer than two links', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps(12),
        fc.array(fc.array(theft, { maxLength: 4 }), { maxLength: 8 }),
        async (before, acts) => {
          const muster = await oneKey();
          const agent = new Machine(muster);
          await play(muster, [agent], before);
          Object.assign(muster, { linksTaken: 0, spoken: [] });
          const thief = agent.copy('thief');
          const turn = async () => {
            muster.now += 2 * second;
            await agent.checkIn('heard', 'b0');
          };
          for (const thefts of acts) {
            for (const { jump, boot, waitMs } of thefts) {
              muster.now += waitMs;
              thief.jump(jump);
              await thief.checkIn('heard', boot);
            }
            await turn();
          }
          const isSpeaker = muster.spoken.some(({ by, links }) => by === 'thief' && links >= 2);
          for (let more = 0; more < 3; more++) {
            thief.jump(1500);
            await thief.checkIn('heard', `t${more}`);
            await turn();
          }
          const {
            identity: { conflict },
          } = (await muster.store.getInstance(here))!;
          if (isSpeaker) expect(conflict).toMatchObject({ reason: 'broken_chain' });
          expect(speakers(muster).size).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is seen, too, where he repeats the copied link for ever and counts ahead', async () => {
    const muster = await oneKey();
    const agent = new Machine(muster);
    await play(muster, [agent], [{ ...clean, machine: 0, fate: 'answer lost' }]);
    const thief = agent.copy('thief');
    for (let turn = 0; turn < 5; turn++) {
      muster.now += interval;
      thief.jump(100_000);
      await thief.checkIn('answer lost', `t${turn}`);
      await agent.checkIn('heard', 'b0');
      await agent.checkIn('heard', 'b0');
    }
    expect((await muster.store.getInstance(here))?.identity.conflict).toMatchObject({ reason: 'broken_chain' });
  });

  it('cannot outrun it, though he raises the number before each of its check-ins', async () => {
    const muster = await oneKey();
    const agent = new Machine(muster);
    await play(muster, [agent], Array(3).fill({ ...clean, machine: 0, waitMs: 2 * interval }));
    const thief = agent.copy('thief');
    for (let turn = 0; turn < 3; turn++) {
      thief.jump(2000);
      await thief.checkIn('heard', `b${turn}`);
      await agent.checkIn('heard', 'b0');
    }
    expect(muster.codes.slice(0, 2)).toEqual(['stale_sequence', 'identity_conflict']);
  });
});

describe('a disk that is put back to an earlier day', () => {
  it('is seen as soon as its agent has adopted the number', async () => {
    const muster = await oneKey();
    const agent = new Machine(muster);
    const snapshot = agent.snapshot();
    await play(muster, [agent], Array(6).fill({ ...clean, waitMs: 2 * interval, machine: 0 }));
    const restored = agent.copy('restored', snapshot);
    await play(muster, [restored], [{ ...clean, machine: 0 }]);
    expect(muster.codes).toEqual(['stale_sequence']);
    await play(muster, [restored], [{ ...clean, waitMs: 2000, machine: 0 }]);
    expect(muster.codes).toEqual(['stale_sequence', 'identity_conflict']);
  });

  it('as it was when its agent last stored it goes on as if nothing had happened', async () => {
    const muster = await oneKey();
    const agent = new Machine(muster);
    await play(muster, [agent], Array(4).fill({ ...clean, waitMs: 2 * interval, machine: 0 }));
    const restored = agent.copy('restored');
    await play(muster, [restored], Array(6).fill({ ...clean, machine: 0 }));
    expect(muster.codes).not.toContain('identity_conflict');
    expect(muster.spoken.at(-1)?.by).toBe('restored');
  });
});
