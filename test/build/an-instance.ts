import type { DescribedState } from '#shared/domain/cloud/merge-describe.ts';
import type { StateChange } from '#shared/domain/cloud/merge-event.ts';
import { type Instance, newInstance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';

export const aKey = { account: '111122223333', region: 'us-east-1', instanceId: 'i-0123456789abcdef0' } as const;

/** A moment of the day on which all of this happens: `clock('10:00:05')`, milliseconds allowed. */
export const clock = (time: string): Instant => Date.parse(`2026-11-02T${time}Z`);

/** Some members of some parts of a record: what a test wants to be different. */
export type InstanceParts = Partial<Omit<Instance, Part>> & { [P in Part]?: Partial<Instance[P]> };
type Part = 'cloud' | 'management' | 'assignment' | 'identity';

/** The record with the given members in place of its own; where two name the same member, the later one counts. */
export function withParts(instance: Instance, ...changes: readonly InstanceParts[]): Instance {
  let merged = instance;
  for (const { cloud, management, assignment, identity, ...rest } of changes) {
    merged = {
      ...merged,
      ...rest,
      cloud: { ...merged.cloud, ...cloud },
      management: { ...merged.management, ...management },
      assignment: { ...merged.assignment, ...assignment },
      identity: { ...merged.identity, ...identity },
    };
  }
  return merged;
}

/** A record that has been running, under a named epoch, since 10:00:21. Nothing doubts it and no agent is enrolled. */
export function anInstance(...changes: readonly InstanceParts[]): Instance {
  const running: InstanceParts = {
    cloud: {
      state: 'running',
      at: clock('10:00:21'),
      source: 'event',
      epoch: clock('10:00:05'),
      epochNamed: true,
      runningAt: clock('10:00:21'),
    },
  };
  return withParts(newInstance(aKey, clock('10:00:06')), running, ...changes);
}

/** `running` at 10:00:21, received a second later. */
export function anEvent(overrides: Partial<StateChange> = {}): StateChange {
  const at = overrides.at ?? clock('10:00:21');
  return {
    ...aKey,
    id: `event-${overrides.state ?? 'running'}-${at}`,
    state: 'running',
    at,
    receivedAt: at + 1000,
    ...overrides,
  };
}

/** A describe sent at 10:01:00 that shows the instance running since the start of 10:00:05. */
export function aSight(overrides: Partial<DescribedState> = {}): DescribedState {
  return {
    ...aKey,
    state: 'running',
    launchTime: clock('10:00:05'),
    transitionAt: null,
    stateReason: null,
    sentAt: clock('10:01:00'),
    source: 'describe',
    ...overrides,
  };
}
