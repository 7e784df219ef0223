import { randomBytes } from 'node:crypto';
import { createMemoryUserData } from '#shared/adapters/memory/private.ts';
import * as ending from '#shared/app/enrollment/end-binding.ts';
import type { ChangePorts } from '#shared/app/operator-ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import type { Instant } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import { anAct, bindingNamed, second } from '#test/build/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';
import { agentOf, enrollmentSetup, here, instanceChange, now, running } from '../enrollment/enrollment-setup.ts';

/** Half an hour into a life. */
export const later = now + 1800 * second;

/** An instance whose agent was enrolled half an hour ago, by a launch if nothing else is said, and operators. */
export async function lifeSetup(
  fields: InstanceParts = {},
  more: readonly RecordChange[] = [],
  bound: Partial<Binding> = {},
) {
  const key = newAgentKey();
  const agent = { ...agentOf(key), state: 'operational', stateAt: now };
  const enrolled: InstanceParts = {
    agent,
    management: { status: 'enrolled', reason: 'launched', since: now },
    assignment: { serverId: 'srv_1', launchId: 'lch_0123456789abcdef0123456789abcdef' },
  };
  const instance = running(enrolled, fields);
  const binding = bindingNamed(key.id, { ...here, publicKey: key.publicKeyX, boundAt: now, ...bound });
  const setup = await enrollmentSetup([
    instanceChange(instance),
    { kind: 'binding', before: undefined, after: binding },
    ...more,
  ]);
  const operate: ChangePorts = {
    ...{ store: setup.store, userData: createMemoryUserData(), timing: defaultTiming },
    ...{ launch: new KeepingOutbox(), accounts: {}, audience: '' },
    ...{ newGrantKey: () => newGrantKey(randomBytes), newId: (prefix) => `${prefix}_1` },
  };
  const held = async () => (await setup.store.getInstance(here))!;
  const kinds = () => setup.written.map(({ kind }) => kind);
  /** What all changes so far owe to the world. */
  const told = () =>
    setup.written.flatMap((change) => (change.kind === 'instance' ? eventsOf(change.before, change.after) : []));
  return {
    ...setup,
    ...{ key, operate, held, kinds, told },
    release: (at: Instant = later) => ending.releaseInstance(here, anAct, at, operate),
    block: (at: Instant = later) => ending.blockInstance(here, anAct, at, operate),
    unblock: (at: Instant = later) => ending.unblockInstance(here, anAct, at, operate),
    reenrollByKey: (agentId: string, at: Instant = later) => ending.reenrollByKey(here, agentId, anAct, at, operate),
    reenrollByGrant: (publicKey: string, at: Instant = later) =>
      ending.reenrollByGrant(here, publicKey, { ...anAct, who: 'ann' }, at, operate),
  };
}

/** A grant key made where the operator sits. */
export const newSeed = () => newGrantKey(randomBytes);
