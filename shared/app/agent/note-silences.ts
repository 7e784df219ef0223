import { type AgentCount, countAgents, noteSilence } from '#shared/domain/agent/silence.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { saveMerged } from '../cloud/save-merged.ts';
import type { Store } from '../ports.ts';

/**
 * Notes on their records which agents became silent, or spoke again, so that consumers are told once. A silence that is noted already costs no
 * write. Answers how many agents ought to speak and how many are silent. `lastHeardAt` by instance id.
 */
export async function noteSilences(
  instances: readonly Instance[],
  lastHeardAt: ReadonlyMap<string, Instant>,
  now: Instant,
  { store, timing }: { store: Store; timing: Timing },
): Promise<AgentCount> {
  for (const before of instances) {
    const heardAt = lastHeardAt.get(before.instanceId);
    if (!noteSilence(before, heardAt, now, timing)) continue;
    await saveMerged(store, before, (current) => {
      const instance = current && noteSilence(current, heardAt, now, timing);
      return instance && { instance, changed: true, needsDescribe: false };
    });
  }
  return countAgents(instances, lastHeardAt, now, timing);
}
