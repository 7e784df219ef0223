import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { HeldRecords } from '#shared/app/cloud/held-records.ts';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { knownOf } from '#shared/app/instance/facts-digest.ts';
import type { DescribeAnswer, Describer, Store } from '#shared/app/ports.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { factsOf, instanceNamed, keyNamed, second, start } from '#test/build/records.ts';

const { account, region } = keyNamed('i-1');
const perPage = 50;
const idOf = (nth: number) => `i-${String(nth).padStart(17, '0')}`;

function pageOf(nth: number, sentAt: number): DescribeAnswer {
  const found = Array.from({ length: perPage }, (_, at) => {
    const facts = factsOf(idOf(nth * perPage + at), { describedAt: sentAt, tags: { filler: 'x'.repeat(2000) } });
    const described = { state: 'running', transitionAt: null, stateReason: null, sentAt, source: 'describe' } as const;
    return { facts, sight: { ...facts, ...described, launchTime: start - 3600 * second } };
  });
  return { sentAt, found, unreadableIds: [] };
}

/** Collects at once whatever nothing holds any more. */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** EC2 with so many pages; `mostAlive` tells how many that it gave were in memory at once when it was asked for one more. */
function pagesOf(count: number, sentAt: number) {
  const given: WeakRef<object>[] = [];
  const watched = { mostAlive: 0 };
  const nothing = async () => ({ sentAt, found: [], unreadableIds: [] });
  const ec2: Describer = {
    ...{ describe: nothing, describeNamed: nothing, describeByToken: nothing },
    async *describePages() {
      for (let nth = 0; nth < count; nth++) {
        // In a later turn: whatever a promise that has just been kept still holds is gone by then.
        await new Promise((resolve) => setImmediate(resolve));
        collect();
        watched.mostAlive = Math.max(watched.mostAlive, given.filter((page) => page.deref() !== undefined).length);
        const page = pageOf(nth, sentAt);
        given.push(new WeakRef(page.found));
        yield page;
      }
    },
  };
  return { ec2, watched };
}

function portsOf(store: Store, ec2: Describer) {
  return { store, ec2, verify: { send: async () => {} }, alarm: () => {}, timing: defaultTiming };
}

it('a sweep holds one page at a time, however long the listing', async () => {
  const store = createMemoryStore({ timing: defaultTiming });
  for (const count of [3, 30]) {
    for (const at of [start, start + 300 * second]) {
      const { ec2, watched } = pagesOf(count, at);
      expect(await sweepRegion(account, region, portsOf(store, ec2))).toMatchObject({ seen: count * perPage });
      // The one that was merged last may still be held by the loop that asks for the next
      expect(watched.mostAlive).toBeLessThanOrEqual(1);
    }
  }
});

it('each page is merged before the next is asked for, twenty records side by side and no more', async () => {
  const inner = createMemoryStore({ timing: defaultTiming });
  const [under, most] = [
    { putFacts: 0, saveInstance: 0 },
    { putFacts: 0, saveInstance: 0 },
  ];
  const watched =
    <Args extends unknown[], Answer>(what: keyof typeof under, run: (...args: Args) => Promise<Answer>) =>
    async (...args: Args) => {
      under[what] += 1;
      most[what] = Math.max(most[what], under[what]);
      await new Promise((resolve) => setImmediate(resolve));
      under[what] -= 1;
      return run(...args);
    };
  const store: Store = {
    ...inner,
    putFacts: watched('putFacts', inner.putFacts),
    saveInstance: watched('saveInstance', inner.saveInstance),
  };
  const { ec2 } = pagesOf(3, start);
  const onRecord: number[] = [];
  const looking: Describer = {
    ...ec2,
    async *describePages(...place) {
      for await (const page of ec2.describePages(...place)) {
        onRecord.push((await inner.listInstances({ size: 1000, after: null })).items.length);
        yield page;
      }
    },
  };
  await sweepRegion(account, region, portsOf(store, looking));
  expect(onRecord).toEqual([0, perPage, 2 * perPage]);
  expect(most).toEqual({ putFacts: 20, saveInstance: 20 });
});

it('a held record comes back as it was read, and the listing’s sights are remembered', async () => {
  const one = { instance: instanceNamed(idOf(1)), lastHeardAt: start, facts: knownOf(factsOf(idOf(1))) };
  const ended = { instance: instanceNamed(idOf(2), { cloud: { state: 'terminated', at: start } }) };
  async function* records() {
    yield* [one, ended];
  }
  const held = await HeldRecords.from(records());
  expect(held.get(idOf(1))).toEqual(one);
  expect([...held]).toEqual([one, ended]);
  expect([...held.unseen()]).toEqual([one, ended]);
  expect(held.noneSeen).toBe(true);
  held.see(idOf(2));
  expect(held.noneSeen).toBe(true);
  held.see(idOf(1));
  expect([held.noneSeen, ...held.unseen()]).toEqual([false]);
});
