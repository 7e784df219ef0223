import type { Instance } from '../instance/instance.ts';
import { type Instant, seconds } from '../time.ts';
import { readEntry } from './ledger.ts';
import type { Outcome } from './transition.ts';

/** Changes that sweeps of an account and Region found and that no event told. */
export interface Untold {
  /** When the sweep began that found the first of them. */
  since: Instant;
  changes: number;
}

/** Fewer changes in less time are events that are lost or still under way. */
const enough = { changes: 3, ms: seconds(600) } as const;

/** Whether a sweep found a transition that an event should have told. A LaunchTime or a doubt that ended is none. */
export function isRepair({ before, outcome }: { before: Instance | undefined; outcome: Outcome }): boolean {
  const known = new Set(before?.cloud.ledger.map((entry) => readEntry(entry).id));
  return outcome.changed && outcome.instance.cloud.ledger.some((entry) => !known.has(readEntry(entry).id));
}

/** What one sweep found. `records` as they were before it, `repaired` as many changes as `isRepair` counts. */
export interface SweepFindings {
  before: Untold | undefined;
  /** The pair was never swept: nothing told of the instances that were there. */
  isFirst: boolean;
  records: Iterable<Instance>;
  repaired: number;
  sentAt: Instant;
}

/**
 * Counts the changes since the last event. `eventsAreMissing`: sweeps found three changes or more in ten minutes or longer, and no
 * record tells of an event since the first. Then a rule delivers none; single events that are lost now and then do not count so far.
 */
export function countUntold({ before, isFirst, records, repaired, sentAt }: SweepFindings): {
  untold: Untold | undefined;
  eventsAreMissing: boolean;
} {
  const anEventCame = before !== undefined && lastEventAt(records) > before.since;
  const known = anEventCame ? undefined : before;
  if (repaired === 0 || isFirst) return { untold: known, eventsAreMissing: false };
  const untold = { since: known?.since ?? sentAt, changes: (known?.changes ?? 0) + repaired };
  return { untold, eventsAreMissing: untold.changes >= enough.changes && sentAt - untold.since >= enough.ms };
}

function lastEventAt(records: Iterable<Instance>): Instant {
  let last = 0;
  for (const { cloud } of records) if (cloud.source === 'event') last = Math.max(last, cloud.at ?? 0);
  return last;
}
