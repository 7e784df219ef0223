import { expect, it } from 'vitest';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { type Describer, describeLimit, type VerifyMessage } from '#shared/app/ports.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, second, start } from '#test/build/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

it('asks for every live record by its id where the listing shows none of them: the last one may be there', async () => {
  const store = createMemoryStore({ timing: defaultTiming });
  const ids = Array.from({ length: describeLimit + 1 }, (_, nth) => `i-${nth.toString(16).padStart(17, '0')}`);
  await store.ensurePair('111122223333', 'us-east-1');
  const running = { cloud: { state: 'running', at: start } } as const;
  for (const id of ids) await store.saveInstance(undefined, instanceNamed(id, running));
  const asked: string[] = [];
  const sentAt = start + 3600 * second;
  const describe: Describer['describe'] = async (_account, _region, some) => {
    expect(some.length).toBeLessThanOrEqual(describeLimit);
    asked.push(...some);
    return { sentAt, found: [], unreadableIds: some.filter((id) => id === ids.at(-1)) };
  };
  const nothing = async () => ({ sentAt, found: [], unreadableIds: [] });
  async function* describePages() {
    yield await nothing();
  }
  const ec2: Describer = { describe, describeNamed: nothing, describePages, describeByToken: nothing };
  const verify = new KeepingOutbox<VerifyMessage>();
  await sweepRegion('111122223333', 'us-east-1', { store, ec2, verify, alarm: () => {}, timing: defaultTiming });
  expect(asked.sort()).toEqual(ids);
  const { items } = await store.listInstances({ size: ids.length, after: null });
  expect(items.filter(({ cloud }) => cloud.absent !== null)).toEqual([]);
});
