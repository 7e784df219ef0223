import type { AgentCount } from '#shared/domain/agent/silence.ts';
import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import {
  type AccountRegion,
  newAccountRegion,
  planSweep,
  readsEndedSince,
  type SweepPlan,
} from '#shared/domain/cloud/sweep.ts';
import { countUntold, isRepair } from '#shared/domain/cloud/untold.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { noteSilences } from '../agent/note-silences.ts';
import { attachByToken } from '../launch/attach-launched.ts';
import {
  type DescribeAnswer,
  type Described,
  type Describer,
  describeLimit,
  type Outbox,
  type Store,
  type VerifyMessage,
} from '../ports.ts';
import { detachReplaced } from './detach-replaced.ts';
import { keepFacts } from './keep-facts.ts';
import { saveMerged } from './save-merged.ts';

export interface SweepRegionPorts {
  store: Store;
  ec2: Describer;
  verify: Outbox<VerifyMessage>;
  alarm: (what: string, subject: { account: string; region: string } | InstanceKey) => void;
  timing: Timing;
}

/** What a sweep found, for its log line. `repaired`: transitions that an event should have told. */
export interface SweepReport extends AgentCount {
  seen: number;
  /** Instances that EC2 listed in a form that cannot be read. */
  unreadable: number;
  repaired: number;
  withheld: number;
}

/**
 * Compares one account and region with EC2: the records are read before the first page is asked for, and a listing
 * that does not come whole says nothing at all (it throws, and the next sweep starts anew).
 */
export async function sweepRegion(account: string, region: string, ports: SweepRegionPorts): Promise<SweepReport> {
  const pair = await ports.store.getPair(account, region);
  const { instances, lastHeardAt, facts } = await ports.store.readPair(account, region, readsEndedSince(pair));
  const { sentAt, found, unreadableIds, complete } = await listAll(account, region, instances, ports.ec2);
  const sights = found.map(({ sight }) => sight);
  const others = await readOthers(sights, instances, facts, ports.store);
  const sweep = {
    pair: pair ?? newAccountRegion(account, region),
    records: instances,
    others,
    lastHeardAt,
    sentAt,
    complete,
    sights,
    unreadableIds,
  };
  const plan = planSweep(sweep, ports.timing);
  // First: a crash in between leaves a change that the next sweep sees again.
  for (const one of found) await keepFacts(one.facts, facts.get(one.facts.instanceId), ports.store);
  await applyPlan(plan, found, ports);
  const repaired = plan.changes.filter(isRepair).length;
  const isFirst = sweep.pair.lastSweepAt === null;
  const findings = { before: sweep.pair.untold, isFirst, records: instances, repaired, sentAt };
  const { untold, eventsAreMissing } = countUntold(findings);
  if (eventsAreMissing) ports.alarm('events_not_arriving', { account, region });
  const { untold: _, ...swept } = plan.pair;
  if (pair || found.length > 0) await savePair({ ...swept, ...(untold && { untold }) }, ports.store);
  if (unreadableIds.length > 0) ports.alarm('instance_unreadable', { account, region });
  for (const alarm of plan.alarms) ports.alarm(alarm, { account, region });
  await attachByToken(unattached(found, [...instances, ...others]), ports);
  // Last: many agents may become silent at once, and nothing else of the sweep waits for that.
  const agents = await noteSilences(instances, lastHeardAt, sentAt, ports);
  const withheld = plan.withheldIds.length;
  return { seen: found.length, unreadable: unreadableIds.length, repaired, withheld, ...agents };
}

/** How many records are read side by side. */
const readAtOnce = 20;

/**
 * The records of instances that EC2 shows and that were not read: they had ended long ago, or are newer than the reading. What is known of
 * their facts joins the others. A sight counts by the time of its request, so a record that is read after it takes nothing from it.
 */
async function readOthers(
  sights: readonly InstanceKey[],
  records: readonly Instance[],
  facts: Map<string, InstanceFacts>,
  store: Store,
): Promise<Instance[]> {
  const known = new Set(records.map(({ instanceId }) => instanceId));
  const unknown = sights.filter(({ instanceId }) => !known.has(instanceId));
  const others: Instance[] = [];
  for (let start = 0; start < unknown.length; start += readAtOnce) {
    const read = await Promise.all(unknown.slice(start, start + readAtOnce).map((key) => store.getInstance(key)));
    const standing = read.filter((record) => record !== undefined);
    others.push(...standing);
    const described = await Promise.all(standing.map((record) => store.getFacts(record)));
    for (const one of described) if (one) facts.set(one.instanceId, one);
  }
  return others;
}

/**
 * EC2's listing. One that shows no live record at all may have been cut short: it is complete only if EC2, asked for those
 * records by their ids, shows none of them either.
 */
async function listAll(
  account: string,
  region: string,
  records: readonly Instance[],
  ec2: Describer,
): Promise<DescribeAnswer & { complete: boolean }> {
  const listing = await ec2.describeAll(account, region);
  const listed = new Set([...listing.found.map(({ sight }) => sight.instanceId), ...listing.unreadableIds]);
  const live = records.filter(({ cloud }) => cloud.state !== 'terminated').map(({ instanceId }) => instanceId);
  if (live.length === 0 || live.some((id) => listed.has(id))) return { ...listing, complete: true };
  const found = [...listing.found];
  const unreadableIds = [...listing.unreadableIds];
  for (let start = 0; start < live.length; start += describeLimit) {
    const answer = await ec2.describe(account, region, live.slice(start, start + describeLimit));
    found.push(...answer.found);
    unreadableIds.push(...answer.unreadableIds);
  }
  const complete = found.length === listing.found.length && unreadableIds.length === listing.unreadableIds.length;
  return { sentAt: listing.sentAt, found, unreadableIds, complete };
}

/** A sweep takes its time: an operator's release that came meanwhile is for the next one. */
async function savePair(swept: AccountRegion, store: Store): Promise<void> {
  const { withheld } = swept;
  const released = withheld && (await store.getPair(swept.account, swept.region))?.withheld?.released;
  await store.savePair(released ? { ...swept, withheld: { ...withheld, released } } : swept);
}

/** Only an instance without a launch on record can be a launch's lost answer. */
function unattached(found: readonly Described[], records: readonly Instance[]): Described[] {
  const owned = new Set(
    records.filter(({ assignment }) => assignment.launchId !== null).map(({ instanceId }) => instanceId),
  );
  return found.filter(({ facts, sight }) => facts.clientToken !== null && !owned.has(sight.instanceId));
}

async function applyPlan(plan: SweepPlan, found: readonly Described[], ports: SweepRegionPorts): Promise<void> {
  const described = new Map(found.map((one) => [one.sight.instanceId, one]));
  const ask: VerifyMessage[] = [];
  for (const { before, outcome } of plan.changes) {
    const { account, region, instanceId } = outcome.instance;
    if (outcome.needsDescribe) ask.push({ account, region, instanceId, attempt: 0 });
    if (!outcome.changed) continue;
    const one = described.get(instanceId);
    // A record that moved since it was read: what was seen is merged again; what was missed waits for the next sweep.
    const merged = await saveMerged(ports.store, before, (current) => {
      if (current === before) return outcome;
      return one ? mergeDescribed(current, one.sight, ports.timing) : undefined;
    });
    if (merged?.outcome.alarm) await detachReplaced(merged.outcome.instance, ports.store);
  }
  await ports.verify.send(ask);
}
