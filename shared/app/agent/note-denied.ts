import { heirInConflict } from '#shared/domain/agent/check-in.ts';
import { markConflict } from '#shared/domain/agent/merge-agent.ts';
import { unchanged } from '#shared/domain/cloud/transition.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { finishedEnding } from '#shared/domain/enrollment/ending.ts';
import type { ConflictReason, Instance, InstanceKey } from '#shared/domain/instance/instance.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { readAndSaveMerged } from '../cloud/save-merged.ts';
import type { Store } from '../ports.ts';

export interface DeniedPorts {
  store: Store;
  /** Told of every check-in that shows a second machine with one agent's key, the first and all that follow. */
  twinSeen: (twin: InstanceKey & { agentId: string; reason: ConflictReason }) => void;
  /** Told of an operator's ending that had stopped half-way and that a check-in finished. */
  endingFinished: (ended: InstanceKey & { agentId: string; reason: string }) => void;
  timing: Timing;
}

/**
 * What a check-in with a denied key, signed at `iat`, means for its instance. An operator's ending that stopped after it had
 * denied the key is finished. If another machine signs with a key that its agent rotated away, the agent that the instance
 * has now is in conflict: the instance's record names it, however many rotations lie between.
 */
export async function noteDenied(binding: Binding, iat: number, now: Instant, ports: DeniedPorts): Promise<void> {
  const { account, region, instanceId, agentId, ended } = binding;
  const { store, timing } = ports;
  const key = { account, region, instanceId };
  const decide = (current: Instance) => {
    const finished = finishedEnding(current, binding, timing);
    if (finished) return { instance: finished, changed: true, needsDescribe: false };
    const heir = heirInConflict(binding, current, seconds(iat), timing);
    return heir === null ? unchanged(current) : markConflict(current, heir, 'rotated_key', now);
  };
  const merged = await readAndSaveMerged(store, key, (current) => current && decide(current));
  const before = merged?.before;
  if (!before || !ended) return;
  if (finishedEnding(before, binding, timing)) ports.endingFinished({ ...key, agentId, reason: ended.reason });
  const heir = heirInConflict(binding, before, seconds(iat), timing);
  if (heir !== null) ports.twinSeen({ ...key, agentId: heir, reason: 'rotated_key' });
}
