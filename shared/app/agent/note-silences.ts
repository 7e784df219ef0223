import { type AgentCount, countAgent, noteSilence } from '#shared/domain/agent/silence.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { saveMerged } from '../cloud/save-merged.ts';
import type { PairRecord, Store } from '../ports.ts';

/**
 * Notes on their records which agents became silent, or spoke again, so that consumers are told once. A silence that is noted already costs no
 * write. Answers how many agents ought to speak and how many are silent.
 */
export async function noteSilences(
  records: Iterable<PairRecord>,
  now: Instant,
  { store, timing }: { store: Store; timing: Timing },
): Promise<AgentCount> {
  const count = { agents: 0, silent: 0 };
  for (const { instance: before, lastHeardAt } of records) {
    countAgent(count, before, lastHeardAt, now, timing);
    if (!noteSilence(before, lastHeardAt, now, timing)) continue;
    await saveMerged(store, before, (current) => {
      const instance = current && noteSilence(current, lastHeardAt, now, timing);
      return instance && { instance, changed: true, needsDescribe: false };
    });
  }
  return count;
}
