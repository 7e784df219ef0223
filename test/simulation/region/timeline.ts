import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { formatTime, type Instant } from '#shared/domain/time.ts';
import type { Answer } from './ec2-transport.ts';

/** Everything that a simulated Muster got to see, as a file for `muster replay`. */
export class Timeline {
  readonly lines: string[] = [];
  readonly #name: string;

  /** `name` is the case in the file. */
  constructor(name: string) {
    this.#name = name;
  }

  event(receivedAt: Instant, event: unknown): void {
    this.#add(receivedAt, 'event', { event });
  }

  describe({ account, region, sentAt, complete, instances }: Answer): void {
    this.#add(sentAt, 'describe', {
      sentAt: formatTime(sentAt),
      complete,
      account,
      region,
      instances: instances.map(({ InstanceId, State, LaunchTime, StateTransitionReason, StateReason }) => ({
        ...{ InstanceId, State, LaunchTime, StateTransitionReason, StateReason },
      })),
    });
  }

  word(receivedAt: Instant, observe: 'enroll' | 'checkin', { account, region, instanceId }: InstanceKey): void {
    this.#add(receivedAt, observe, { account, region, instanceId });
  }

  time(receivedAt: Instant): void {
    this.#add(receivedAt, 'time', {});
  }

  #add(receivedAt: Instant, observe: string, what: object): void {
    this.lines.push(JSON.stringify({ case: this.#name, receivedAt: formatTime(receivedAt), observe, ...what }));
  }
}
