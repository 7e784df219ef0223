import { describe, expect, it } from 'vitest';
import { presentOf } from '#local/aws/ec2/simulated-instance.ts';
import { keyOf } from '#shared/domain/instance/instance.ts';
import { Agents } from '../region/agents.ts';
import { startWorkload } from '../region/fleet.ts';
import { Pipeline } from '../region/pipeline.ts';
import { registered } from '../region/places.ts';
import { Watch } from '../region/watch.ts';
import { minutes, record, runDirectly, setup } from './setup.ts';

describe('1 convergence without loss', () => {
  it('with every event delivered, late, twice and in any order, no sweep is needed', async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const watch = new Watch();
      const pipeline = new Pipeline({ seed, watch });
      new Agents(pipeline);
      const bus = { service: 'events', bus: 'default' } as const;
      pipeline.faults.add(
        { what: 'repeat', where: bus, share: 0.3 },
        { what: 'delay', where: bus, share: 0.3, ms: [0, minutes(10)] },
        { what: 'delay', where: bus, share: 0.5, ms: [0, 999] },
        { what: 'drop', where: { service: 'sqs', queue: 'sweep' } },
        { what: 'overtake', where: { service: 'lambda' }, share: 0.8 },
      );
      startWorkload(pipeline, { servers: 3, directLaunches: 4, changes: 16, spanMs: minutes(60) });
      await pipeline.clock.advanceBy(minutes(80));
      const truth = pipeline.ec2.truth().filter(({ account }) => Object.hasOwn(registered, account));
      const states = truth.map((instance) => [keyOf(instance), presentOf(instance).state, null]);
      const records = truth.map((instance) => watch.instances.get(keyOf(instance)));
      expect(
        records.map((held, nth) => [states[nth]?.[0], held?.cloud.state, held?.cloud.verify]),
        `seed ${seed}`,
      ).toEqual(states);
      expect(watch.broken).toEqual([]);
    }
  });
});

describe('10 absence is not death', () => {
  /** Three instances that so many listings in a row leave out. */
  async function missed(times: number) {
    const where = setup();
    const keys = runDirectly(where, 3);
    await where.pipeline.clock.advanceBy(minutes(21));
    const { account, region } = keys[0]!;
    // A sweep whose listing is empty asks once more, by the ids.
    where.pipeline.faults.add({ what: 'empty', where: { service: 'ec2', account, region }, times: 2 * times });
    await where.pipeline.clock.advanceBy(minutes(5 * times));
    return { where, keys, states: () => keys.map((key) => record(where, key)?.cloud.state) };
  }

  it('two listings without an instance, of which one began no more than S after the last sight, end nothing', async () => {
    const { where, keys, states } = await missed(2);
    expect(states()).toEqual(['running', 'running', 'running']);
    await where.pipeline.clock.advanceBy(minutes(5));
    expect(keys.map((key) => record(where, key)?.cloud.absent)).toEqual([null, null, null]);
  });

  it('two that both began later do, and the next sight undoes it', async () => {
    const { where, states } = await missed(3);
    expect(states()).toEqual(['terminated', 'terminated', 'terminated']);
    await where.pipeline.clock.advanceBy(minutes(5));
    expect(states()).toEqual(['running', 'running', 'running']);
    expect(await where.wrong()).toEqual([]);
  });

  it.each(['RequestLimitExceeded', 'InternalError', 'UnauthorizedOperation'] as const)(
    'a day of listings that fail with %s ends nothing',
    async (code) => {
      const where = setup();
      const keys = runDirectly(where, 3);
      await where.pipeline.clock.advanceBy(minutes(21));
      where.pipeline.faults.add({ what: 'refuse', where: { service: 'ec2' }, code });
      await where.pipeline.clock.advanceBy(minutes(1440));
      expect(keys.map((key) => record(where, key)?.cloud.state)).toEqual(['running', 'running', 'running']);
    },
  );

  it('a listing whose page token repeats ends nothing', async () => {
    const where = setup();
    const keys = runDirectly(where, 12);
    await where.pipeline.clock.advanceBy(minutes(21));
    where.pipeline.faults.add({ what: 'repeat-page', where: { service: 'ec2' } });
    await where.pipeline.clock.advanceBy(minutes(240));
    expect(new Set(keys.map((key) => record(where, key)?.cloud.state))).toEqual(new Set(['running']));
  });
});
