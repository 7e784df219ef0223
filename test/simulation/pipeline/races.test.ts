import { describe, expect, it } from 'vitest';
import type { StateChangeEvent } from '#local/aws/ec2/state-change-event.ts';
import { seconds } from '#shared/domain/time.ts';
import { batchOf, heldBack, record, runOne, type Setup, setup } from './setup.ts';

/** An instance that was launched, stopped and started again, and its six events, of which the first `known` are recorded. */
async function restarted(known: number) {
  const where = setup();
  const { clock, ec2, functions } = where.pipeline;
  ec2.timings = { startMs: [5000, 5000], stopMs: [5000, 5000], terminateMs: [5000, 5000] };
  const events = heldBack(where);
  where.pipeline.faults.add({ what: 'drop', where: { service: 'sqs', queue: 'verify' } });
  const key = runOne(where);
  for (const change of ['stopInstances', 'startInstances'] as const) {
    await clock.advanceBy(seconds(8));
    ec2[change](key, { InstanceIds: [key.instanceId] });
  }
  await clock.advanceBy(seconds(8));
  for (const event of events.slice(0, known)) await functions.onInstanceChanged(batchOf([event]));
  return { where, key, events };
}

/** What is left of one event while another writer of the same record comes between its reading and its writing. */
async function raced(
  known: number,
  nthCall: number,
  pick: (events: readonly StateChangeEvent[]) => StateChangeEvent[],
) {
  const { where, key, events } = await restarted(known);
  const [first, ...others] = pick(events);
  const { queues, functions } = where.pipeline;
  for (const other of others) queues.queue('instance-events').send(JSON.stringify(other));
  const alone = where.pipeline.faults.add({ what: 'overtake', where: { service: 'lambda', call: nthCall } });
  await functions.onInstanceChanged(batchOf([first]));
  alone();
  await drained(where);
  return { state: record(where, key)?.cloud.state, steps: new Set(record(where, key)?.cloud.ledger) };
}

async function oneByOne(known: number, pick: (events: readonly StateChangeEvent[]) => StateChangeEvent[]) {
  const { where, key, events } = await restarted(known);
  for (const event of pick(events)) await where.pipeline.functions.onInstanceChanged(batchOf([event]));
  return { state: record(where, key)?.cloud.state, steps: new Set(record(where, key)?.cloud.ledger) };
}

/** Whatever the race left waiting. */
async function drained({ pipeline }: Setup): Promise<void> {
  const { queues, functions } = pipeline;
  while (queues.queue('instance-events').counts().visible > 0) await functions.handleOneMore();
}

describe('4 commutativity and 28 durability', () => {
  it('two writers of one record at the same moment leave what one after the other would have left', async () => {
    for (let known = 0; known < 5; known++) {
      for (let other = known + 1; other < 6; other++) {
        const inOrder = (events: readonly StateChangeEvent[]) => [events[known]!, events[other]!];
        const reversed = (events: readonly StateChangeEvent[]) => inOrder(events).toReversed();
        const allowed = [await oneByOne(known, inOrder), await oneByOne(known, reversed)];
        for (const nthCall of [1, 2, 3]) {
          const which = `events ${known} and ${other} at call ${nthCall}`;
          expect(allowed, which).toContainEqual(await raced(known, nthCall, inOrder));
          expect(allowed, `${which}, reversed`).toContainEqual(await raced(known, nthCall, reversed));
        }
      }
    }
  });

  it('an event that comes between twice is still recorded once', async () => {
    const twice = (events: readonly StateChangeEvent[]) => [events[1]!, events[0]!, events[1]!, events[1]!];
    const left = await raced(0, 2, twice);
    expect(left.state).toBe('running');
    expect([...left.steps].filter((entry) => entry.startsWith('running'))).toHaveLength(1);
  });
});
