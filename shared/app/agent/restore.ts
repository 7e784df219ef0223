import * as z from 'zod/mini';
import type { Act } from '#shared/domain/act.ts';
import {
  conflictEnded,
  isSeenIn,
  openedRestore,
  type Restore,
  requireOpen,
  type Seen,
  withoutChain,
} from '#shared/domain/agent/restore.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import { formatTime, type Instant } from '#shared/domain/time.ts';
import { answer, type Shown, text, time } from '../answer.ts';
import { readAndSaveMerged } from '../cloud/save-merged.ts';
import { commitOrConflict } from '../commit.ts';
import { readmitAgent } from '../enrollment/end-binding.ts';
import { account, instanceId, region } from '../id-schemas.ts';
import type { ChangePorts } from '../operator-ports.ts';
import { sideBySide } from '../side-by-side.ts';
import { restoreId } from './restore-record.ts';

export const RestoreAnswer = answer(
  'Restore',
  z.object({ restoredTo: time, openedAt: time, until: time, openedBy: text, reason: text }),
);

/** What became of each instance of a list: `code` is the problem of one that stayed as it was. */
export const ManyInstances = answer(
  'ManyInstances',
  z.object({
    items: z.array(z.object({ account, region, instanceId, done: z.boolean(), code: z.nullable(text) })),
  }),
);

type RestorePorts = Pick<ChangePorts, 'store' | 'timing'>;

/** Opens the check-ins after a restore. Throws Problem `malformed_request` or `conflict`. */
export async function openCheckins(
  { restoredTo, openedBy, reason }: Pick<Restore, 'restoredTo' | 'openedBy' | 'reason'>,
  now: Instant,
  { store, timing }: RestorePorts,
) {
  const before = await store.get('restore', restoreId);
  const after = openedRestore(before, { restoredTo, openedBy, reason }, now, timing);
  await commitOrConflict(store, [{ kind: 'restore', before, after }], { restore: restoreId });
  return restoreView(after);
}

const restoreView = ({ restoredTo, openedAt, until, openedBy, reason }: Restore): Shown<typeof RestoreAnswer> => ({
  ...{ restoredTo: formatTime(restoredTo), openedAt: formatTime(openedAt), until: formatTime(until) },
  ...{ openedBy, reason },
});

/** An agent that was enrolled on an instance in the time that a restore has lost. */
export interface LostAgent extends InstanceKey {
  agentId: string;
}

/**
 * Lets each agent enroll again with its own key, as an operator's re-enrollment by that key does, but also where the
 * instance is not managed any more. Throws Problem `restore_not_open`.
 */
export async function readmitAgents(agents: readonly LostAgent[], act: Act, now: Instant, ports: RestorePorts) {
  requireOpen(await ports.store.get('restore', restoreId), now);
  return forEach(agents, async ({ agentId, ...key }) => {
    await readmitAgent(key, agentId, act, now, ports);
  });
}

/**
 * Ends each conflict that Muster has seen in that time: the operator says that no second machine has the key. The next check-in
 * begins a new chain of links, and shows another machine as before.
 */
export function endConflicts(keys: readonly InstanceKey[], seen: Seen, { store }: Pick<RestorePorts, 'store'>) {
  return forEach(keys, async (key) => {
    const [instance, lease] = await Promise.all([store.getInstance(key), store.getLease(key)]);
    if (!instance) throw new Problem('not_found', 'no such instance is on record', { ...key });
    if (!isSeenIn(instance.identity.conflict, seen))
      throw new Problem('not_in_conflict', 'no conflict was seen in that time', { ...key });
    // The lease first: if this stops in between, the conflict still stands, and the operator asks again.
    if (lease && !(await store.renewLease(lease, withoutChain(lease))))
      throw new Problem('conflict', 'another request changed the lease', { ...key });
    await readAndSaveMerged(store, key, (current) => conflictEnded(current, seen));
  });
}

/** So many instances at once: each is a few reads and writes. */
const atOnce = 10;

async function forEach<Key extends InstanceKey>(
  keys: readonly Key[],
  change: (key: Key) => Promise<void>,
): Promise<Shown<typeof ManyInstances>> {
  const items = await sideBySide(keys, atOnce, async (key) => ({ ...named(key), ...(await fateOf(change(key))) }));
  return { items };
}

const named = ({ account, region, instanceId }: InstanceKey): InstanceKey => ({ account, region, instanceId });

async function fateOf(change: Promise<void>): Promise<{ done: boolean; code: string | null }> {
  try {
    await change;
    return { done: true, code: null };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { done: false, code: error.code };
  }
}
