import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { isOverForADay, mergeSight, type SweepChange } from '#shared/domain/cloud/sweep.ts';
import { isRepair } from '#shared/domain/cloud/untold.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { launchIdOfToken } from '#shared/domain/launch/launch.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { knownOf } from '../instance/facts-digest.ts';
import type { DescribeAnswer, Described, Outbox, PairRecord, Store, VerifyMessage } from '../ports.ts';
import { sideBySide } from '../side-by-side.ts';
import { detachReplaced } from './detach-replaced.ts';
import type { HeldRecords } from './held-records.ts';
import { keepFacts } from './keep-facts.ts';
import { saveMerged } from './save-merged.ts';

/** How many records are read or written side by side. */
const recordsAtOnce = 20;

export interface SweepPorts {
  store: Store;
  verify: Outbox<VerifyMessage>;
  alarm: (what: string, subject: { account: string; region: string } | InstanceKey) => void;
  timing: Timing;
}

/** What is left of a page once it was merged. */
interface MergedPage {
  seen: number;
  unreadable: number;
  repaired: number;
  /** Instances that carry a launch's token, and that no launch has. */
  claimants: Described[];
}

/** Merges what a page shows, with `known` as what is on record of it. Nothing of the page is kept, so that it can be let go. */
export async function mergePage(page: DescribeAnswer, held: HeldRecords, ports: SweepPorts): Promise<MergedPage> {
  const { found, unreadableIds, sentAt } = page;
  const known = await sideBySide(found, recordsAtOnce, ({ sight }) => findRecord(sight, held, ports.store));
  for (const { sight } of found) held.see(sight.instanceId);
  for (const id of unreadableIds) held.see(id);
  const merged = found.map((described, nth) => {
    const record = known[nth];
    return { described, record, change: mergeSight(record?.instance, described.sight, ports.timing) };
  });
  // First: a crash in between leaves a change that the next sweep sees again.
  await sideBySide(merged, recordsAtOnce, async ({ described: { sight, facts }, record, change: { outcome } }) => {
    if (!isOverForADay(outcome.instance, sentAt)) await keepFacts(sight.state, facts, record?.facts, ports.store);
  });
  await saveChanges(merged, sentAt, ports);
  return {
    seen: found.length,
    unreadable: unreadableIds.length,
    repaired: merged.filter(({ change }) => isRepair(change)).length,
    claimants: merged.flatMap(({ described, record }) => (isClaimant(described, record) ? [apart(described)] : [])),
  };
}

/**
 * What was read of an instance before the listing, or, where that was nothing, what stands now: it had ended long ago, or is newer than the
 * reading. A sight counts by the time of its request, so a record that is read after it takes nothing from it.
 */
async function findRecord(key: InstanceKey, held: HeldRecords, store: Store): Promise<PairRecord | undefined> {
  const known = held.get(key.instanceId);
  if (known) return known;
  const instance = await store.getInstance(key);
  const facts = instance && (await store.getFacts(key));
  return instance && { instance, ...(facts && { facts: knownOf(facts) }) };
}

/** Only an instance without a launch on record can be a launch's lost answer. */
const isClaimant = ({ facts }: Described, record: PairRecord | undefined): boolean =>
  launchIdOfToken(facts.clientToken) !== null && (record?.instance.assignment.launchId ?? null) === null;

/** A copy that keeps nothing of its page in memory: texts that were cut out of a page keep the whole page. */
const apart = (described: Described): Described => structuredClone(described);

interface Merged {
  change: SweepChange;
  record: PairRecord | undefined;
  /** Absent where the listing lacks the instance. */
  described?: Described;
}

/** Writes what a sweep changes, and deletes what lies beside records that have been over for a day. */
export async function saveChanges(merged: Iterable<Merged>, sentAt: Instant, ports: SweepPorts): Promise<void> {
  const asked = await sideBySide(merged, recordsAtOnce, async (one) => {
    await saveChange(one, sentAt, ports);
    const { account, region, instanceId } = one.change.outcome.instance;
    return one.change.outcome.needsDescribe ? [{ account, region, instanceId, attempt: 0 }] : [];
  });
  await ports.verify.send(asked.flat());
}

async function saveChange({ change, record, described }: Merged, sentAt: Instant, ports: SweepPorts): Promise<void> {
  const { before, outcome } = change;
  // A record that moved since it was read: what was seen is merged again; what was missed waits for the next sweep.
  const merged = await saveMerged(ports.store, before, (current) => {
    if (current === before) return outcome;
    return described && mergeDescribed(current, described.sight, ports.timing);
  });
  const { alarm, instance } = merged?.outcome ?? {};
  if (alarm) ports.alarm(alarm, { account: outcome.instance.account, region: outcome.instance.region });
  if (alarm && instance) await detachReplaced(instance, ports.store);
  const isBeside = record?.facts !== undefined || record?.lastHeardAt !== undefined;
  if (isBeside && instance && isOverForADay(instance, sentAt)) await ports.store.dropBeside(instance, record);
}
