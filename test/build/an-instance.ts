import type { DescribedState } from '#shared/domain/cloud/merge-describe.ts';
import type { StateChange } from '#shared/domain/cloud/merge-event.ts';
import { type Instance, newInstance } from '#shared/domain/instance/instance.ts';
import type { Instant } from '#shared/domain/time.ts';

export const aKey = { account: '111122223333', region: 'us-east-1', instanceId: 'i-0123456789abcdef0' } as const;

/** A moment of the day on which all of this happens: `clock('10:00:05')`, milliseconds allowed. */
export const clock = (time: string): Instant => Date.parse(`2026-11-02T${time}Z`);

/** A record that has been running, under a named epoch, since 10:00:21; nothing doubts it and nobody enrolled it. */
export function anInstance(overrides: Partial<Instance> = {}): Instance {
  return {
    ...newInstance(aKey, clock('10:00:06')),
    state: 'running',
    at: clock('10:00:21'),
    source: 'event',
    epoch: clock('10:00:05'),
    epochNamed: true,
    runningAt: clock('10:00:21'),
    ...overrides,
  };
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
