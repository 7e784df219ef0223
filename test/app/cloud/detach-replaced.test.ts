import { expect, it } from 'vitest';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { detachReplaced } from '#shared/app/cloud/detach-replaced.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, keyNamed, serverNamed } from '#test/build/records.ts';

const replaced = instanceNamed('i-1', { assignment: { serverId: 'srv_1' }, cloud: { state: 'running' } });

async function storeWith(record: typeof replaced) {
  const store = createMemoryStore({ timing: defaultTiming });
  const server = serverNamed('srv_1', { instance: keyNamed('i-2') });
  await store.commit([{ kind: 'server', before: undefined, after: server }]);
  await store.saveInstance(undefined, record);
  return store;
}

it.each([
  ['is detached while it is that server’s', 'srv_1', null],
  ['stays where it was put meanwhile', 'srv_other', 'srv_other'],
  ['stays without a server', null, null],
])('an instance whose server has another one %s', async (_, serverId, left) => {
  const store = await storeWith({ ...replaced, assignment: { ...replaced.assignment, serverId } });
  await detachReplaced(replaced, store);
  const { assignment } = (await store.getInstance(replaced))!;
  expect([assignment.serverId, assignment.surplusSince !== null]).toEqual([left, serverId === 'srv_1']);
});
