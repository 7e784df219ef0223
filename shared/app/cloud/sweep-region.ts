import type { AgentCount } from '#shared/domain/agent/silence.ts';
import {
  type AccountRegion,
  isAlive,
  judgeMissed,
  mergeMissed,
  newAccountRegion,
  readsEndedSince,
  removes,
  type SweepOf,
} from '#shared/domain/cloud/sweep.ts';
import { countUntold, isRepair } from '#shared/domain/cloud/untold.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { noteSilences } from '../agent/note-silences.ts';
import { attachByToken } from '../launch/attach-launched.ts';
import { type DescribeAnswer, type Described, type Describer, describeLimit, type Store } from '../ports.ts';
import { HeldRecords } from './held-records.ts';
import { mergePage, type SweepPorts, saveChanges } from './sweep-page.ts';

export interface SweepRegionPorts extends SweepPorts {
  ec2: Describer;
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
 * Compares one account and region with EC2: the records are read before the first page is asked for, and each page is merged and let go before
 * the next. What is missing is decided once the listing is whole. A listing that does not come whole throws: it says nothing about what it
 * lacks, and the next sweep starts anew.
 */
export async function sweepRegion(account: string, region: string, ports: SweepRegionPorts): Promise<SweepReport> {
  const { store } = ports;
  const known = await store.getPair(account, region);
  const pair = known ?? newAccountRegion(account, region);
  const held = await HeldRecords.from(store.readPair(account, region, readsEndedSince(known)));
  const listed = await mergeListing(pair, held, ports);
  const { sentAt, complete } = listed;
  const missed = complete ? await saveMissed(held, { pair, sentAt }, ports) : { pair, repaired: 0, withheld: 0 };
  const repaired = listed.repaired + missed.repaired;
  const isFirst = pair.lastSweepAt === null;
  const findings = { before: pair.untold, isFirst, records: instancesOf(held), repaired, sentAt };
  const { untold, eventsAreMissing } = countUntold(findings);
  if (eventsAreMissing) ports.alarm('events_not_arriving', { account, region });
  const { untold: _, ...swept } = missed.pair;
  if (known || listed.seen > 0) await savePair({ ...swept, ...(untold && { untold }) }, store);
  if (listed.unreadable > 0) ports.alarm('instance_unreadable', { account, region });
  if (missed.withheld > 0) ports.alarm('mass_removal_withheld', { account, region });
  await attachByToken(listed.claimants, ports);
  // Last: many agents may become silent at once, and nothing else of the sweep waits for that.
  const agents = await noteSilences(held, sentAt, ports);
  return { seen: listed.seen, unreadable: listed.unreadable, repaired, withheld: missed.withheld, ...agents };
}

function* instancesOf(held: HeldRecords): Generator<Instance, void> {
  for (const { instance } of held) yield instance;
}

interface Listed {
  sentAt: Instant;
  complete: boolean;
  seen: number;
  unreadable: number;
  repaired: number;
  claimants: Described[];
}

/**
 * Merges EC2's listing page by page. One that shows no live record at all may have been cut short: it is complete only if EC2, asked for those
 * records by their ids, shows none of them either.
 */
async function mergeListing(pair: AccountRegion, held: HeldRecords, ports: SweepRegionPorts): Promise<Listed> {
  const { account, region } = pair;
  const { ec2, store } = ports;
  const listed: Listed = { sentAt: 0, complete: true, seen: 0, unreadable: 0, repaired: 0, claimants: [] };
  const take = async (page: DescribeAnswer) => {
    // Before the records: a crash in between leaves none that no listing and no sweep would find.
    if (pair.lastSweepAt === null && page.found.length > 0) await store.ensurePair(account, region);
    const { seen, unreadable, repaired, claimants } = await mergePage(page, held, ports);
    listed.seen += seen;
    listed.unreadable += unreadable;
    listed.repaired += repaired;
    listed.claimants.push(...claimants);
  };
  for await (const page of ec2.describePages(account, region)) {
    listed.sentAt = page.sentAt;
    await take(page);
  }
  if (!held.noneSeen) return listed;
  const live: string[] = [];
  for (const instance of instancesOf(held)) if (isAlive(instance)) live.push(instance.instanceId);
  for (let start = 0; start < live.length; start += describeLimit) {
    const answer = await ec2.describe(account, region, live.slice(start, start + describeLimit));
    await take(answer);
    if (answer.found.length > 0 || answer.unreadableIds.length > 0) listed.complete = false;
  }
  return listed;
}

/** Merges what a complete listing lacks. Judged first and then made again, so that all of it is never held at once. */
async function saveMissed(
  held: HeldRecords,
  sweep: SweepOf,
  ports: SweepRegionPorts,
): Promise<{ pair: AccountRegion; repaired: number; withheld: number }> {
  const { pair, withheld } = judgeMissed(missedOf(held, sweep, ports.timing), held.alive, sweep, ports.timing);
  let repaired = 0;
  function* kept() {
    for (const { record, change } of recordsMissed(held, sweep, ports.timing)) {
      if (withheld > 0 && removes(change)) continue;
      if (isRepair(change)) repaired += 1;
      yield { record, change };
    }
  }
  await saveChanges(kept(), sweep.sentAt, ports);
  return { pair, repaired, withheld };
}

function* missedOf(held: HeldRecords, sweep: SweepOf, timing: Timing) {
  for (const { change } of recordsMissed(held, sweep, timing)) yield change;
}

function* recordsMissed(held: HeldRecords, sweep: SweepOf, timing: Timing) {
  for (const record of held.unseen()) {
    yield { record, change: mergeMissed(record.instance, record.lastHeardAt, sweep, timing) };
  }
}

/** A sweep takes its time: an operator's release that came meanwhile is for the next one. */
async function savePair(swept: AccountRegion, store: Store): Promise<void> {
  const { withheld } = swept;
  const released = withheld && (await store.getPair(swept.account, swept.region))?.withheld?.released;
  await store.savePair(released ? { ...swept, withheld: { ...withheld, released } } : swept);
}
