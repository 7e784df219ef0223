import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { type AccountRegion, newAccountRegion, planSweep, type SweepPlan } from '#shared/domain/cloud/sweep.ts';
import type { Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { attachByToken } from '../launch/attach-launched.ts';
import type { Described, Describer, Outbox, Store, VerifyMessage } from '../ports.ts';
import { keepFacts } from './keep-facts.ts';
import { saveMerged } from './save-merged.ts';

export interface SweepRegionPorts {
  store: Store;
  ec2: Describer;
  verify: Outbox<VerifyMessage>;
  alarm: (what: string, subject: { account: string; region: string } | InstanceKey) => void;
  timing: Timing;
}

/** What a sweep found, for its log line. `repaired`: changes that an event should have told. */
export interface SweepReport {
  seen: number;
  repaired: number;
  withheld: number;
}

/**
 * Compares one account and region with EC2: the records are read before the first page is asked for, and a listing
 * that does not come whole says nothing at all (it throws, and the next sweep starts anew).
 */
export async function sweepRegion(account: string, region: string, ports: SweepRegionPorts): Promise<SweepReport> {
  const pair = await ports.store.getPair(account, region);
  const { instances, lastHeardAt, facts } = await ports.store.readPair(account, region);
  const { sentAt, found } = await ports.ec2.describeAll(account, region);
  const sights = found.map(({ sight }) => sight);
  const sweep = {
    pair: pair ?? newAccountRegion(account, region),
    records: instances,
    lastHeardAt,
    sentAt,
    complete: true,
    sights,
  };
  const plan = planSweep(sweep, ports.timing);
  // First: a crash in between leaves a change that the next sweep sees again.
  for (const one of found) await keepFacts(one.facts, facts.get(one.facts.instanceId), ports.store);
  const repaired = await applyPlan(plan, found, ports);
  if (pair || found.length > 0) await savePair(plan.pair, ports.store);
  for (const alarm of plan.alarms) ports.alarm(alarm, { account, region });
  await attachByToken(unattached(found, instances), ports);
  return { seen: found.length, repaired, withheld: plan.withheldIds.length };
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

async function applyPlan(plan: SweepPlan, found: readonly Described[], ports: SweepRegionPorts): Promise<number> {
  const described = new Map(found.map((one) => [one.sight.instanceId, one]));
  const ask: VerifyMessage[] = [];
  let written = 0;
  for (const { before, outcome } of plan.changes) {
    const { account, region, instanceId } = outcome.instance;
    if (outcome.needsDescribe) ask.push({ account, region, instanceId, attempt: 0 });
    if (!outcome.changed) continue;
    written += 1;
    const one = described.get(instanceId);
    // A record that moved since it was read: what was seen is merged again; what was missed waits for the next sweep.
    await saveMerged(ports.store, before, (current) => {
      if (current === before) return outcome;
      return one ? mergeDescribed(current, one.sight, ports.timing) : undefined;
    });
  }
  await ports.verify.send(ask);
  return written;
}
