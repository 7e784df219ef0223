import { hash } from 'node:crypto';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { type DomainEvent, eventsOf, keyEventsOf } from '#shared/domain/events/events.ts';
import { enrollmentDeadline } from '#shared/domain/instance/deadline.ts';
import { type Instance, keyOf } from '#shared/domain/instance/instance.ts';
import type { Launch } from '#shared/domain/launch/launch.ts';
import { type Server, sameInstance } from '#shared/domain/server/server.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { registered } from './places.ts';
import type { Invocation } from './ports.ts';

/** Looks on at every write and notes what must never be, numbered as the tests in test/simulation/pipeline are. */
export class Watch {
  readonly broken: string[] = [];
  readonly instances = new Map<string, Instance>();
  readonly servers = new Map<string, Server>();
  readonly launches = new Map<string, Launch>();
  /** The ids of all events that the changes owe to the world, each with the record whose history tells of it. */
  readonly owed = new Map<string, string>();
  /** How often an instance became discovered-only in one epoch. */
  readonly #discoveries = new Map<string, number>();
  /** The agents whose keys an operator has denied. */
  readonly #denied = new Set<string>();

  changed(change: RecordChange, by: Invocation): void {
    if (change.kind === 'instance') this.#instanceChanged(change.before, change.after, by);
    if (change.kind === 'server') this.servers.set(change.after.id, change.after);
    if (change.kind === 'binding' && change.after.status === 'denied') this.#denied.add(change.after.agentId);
    if (change.kind === 'launch') this.launches.set(change.after.id, change.after);
    if (change.kind === 'key')
      for (const event of keyEventsOf(change.before, change.after)) this.owed.set(eventId(event), event.record);
  }

  /** Between two calls every transaction is whole. */
  called(): void {
    for (const server of this.servers.values()) this.#lookAtServer(server);
    for (const instance of this.instances.values()) this.#lookAtInstance(instance);
  }

  #instanceChanged(before: Instance | undefined, after: Instance, by: Invocation): void {
    this.instances.set(keyOf(after), after);
    for (const event of eventsOf(before, after)) this.owed.set(eventId(event), keyOf(after));
    if (!Object.hasOwn(registered, after.account)) this.#note('15 account isolation', after, by);
    if (!before) return;
    if (before.cloud.state === 'terminated' && !before.cloud.inferred && after.cloud.state !== 'terminated')
      this.#note('5 absorption', after, by);
    if (before.cloud.epochNamed && after.cloud.epochNamed && (after.cloud.epoch ?? 0) < (before.cloud.epoch ?? 0))
      this.#note('6 monotone epoch', after, by);
    if (!before.cloud.inferred && (after.cloud.at ?? 0) < (before.cloud.at ?? 0)) this.#note('8 freshness', after, by);
    if (after.cloud.inferred && !before.cloud.inferred && by.name !== 'sweepRegion')
      this.#note('10 absence is not death', after, by);
    if ((by.name === 'checkin' || by.name === 'enroll') && after.cloud.state !== before.cloud.state)
      this.#note('25 heartbeats are evidence, not state', after, by);
    if (before.agent && after.agent && before.agent.id !== after.agent.id) this.#note('14 no theft', after, by);
    if (heardTooSoon(before.agent, after.agent)) this.#note('35 agents cannot crowd', after, by);
    // No disk is copied here: whatever is lost, and wherever a process dies, one agent is never taken for two.
    if (after.identity.conflict) this.#note('one agent is never two', after, by);
    const wasEnrolled = before.management.status === 'enrolled' && after.management.status !== 'enrolled';
    // What an operator has begun, the denied agent's next request finishes.
    if (wasEnrolled && !this.#denied.has(before.agent?.id ?? '')) this.#note('24 reversible', after, by);
    this.#lookAtDeadline(before, after, by);
  }

  #lookAtDeadline(before: Instance, after: Instance, by: Invocation): void {
    if (after.management.status !== 'discovered-only' || before.management.status === 'discovered-only') return;
    // An operator released or blocked it.
    if (after.management.reason !== 'deadline_passed') return;
    const deadline = enrollmentDeadline(before, defaultTiming);
    if (deadline === null) this.#note('23 running time only', after, by);
    else if (by.at < deadline) this.#note('21 not early', after, by);
    // A re-enrollment begins the wait anew.
    const epoch = `${keyOf(after)} ${after.cloud.epoch} ${after.management.notBefore}`;
    this.#discoveries.set(epoch, (this.#discoveries.get(epoch) ?? 0) + 1);
    if (this.#discoveries.get(epoch) !== 1) this.#note('21 not twice', after, by);
  }

  #lookAtServer(server: Server): void {
    if (!server.instance) return;
    const instance = this.instances.get(keyOf(server.instance));
    if (instance?.assignment.serverId !== server.id)
      this.#note('13 bijection: a server’s instance is another’s', server, null);
    if (server.instance.account !== server.account) this.#note('15 account isolation: attachment', server, null);
  }

  #lookAtInstance(instance: Instance): void {
    if (instance.assignment.serverId === null) return;
    const server = this.servers.get(instance.assignment.serverId);
    const known = [server?.instance, ...(server?.past ?? [])].some((key) => key && sameInstance(key, instance));
    if (!known) this.#note('13 bijection: an instance’s server does not know it', instance, null);
  }

  /** No RunInstances without a durable intent that holds its token. */
  sent(launchId: string): void {
    if (!this.launches.has(launchId)) this.broken.push(`16 intent first: ${launchId}`);
  }

  #note(invariant: string, record: object, by: Invocation | null): void {
    const when = by && `${by.name} at ${new Date(by.at).toISOString()}`;
    this.broken.push(`${invariant}: ${JSON.stringify(record)} by ${when}`);
  }
}

/** An agent's word is applied at most every five seconds, however often it checks in. */
const heardTooSoon = (before: Instance['agent'], after: Instance['agent']): boolean =>
  before?.stateAt != null &&
  after?.stateAt != null &&
  before.id === after.id &&
  after.stateAt !== before.stateAt &&
  after.stateAt - before.stateAt < seconds(defaultTiming.reportSeconds);

/** As shared/app/events/publish-changes.ts makes them. */
const eventId = ({ record, detailType, entry }: DomainEvent): string =>
  `evt_${hash('sha256', `${record}|${detailType}|${entry}`).slice(0, 32)}`;

/** A record still waiting this long after its deadline was forgotten: one tick and S (invariant 22). */
export function overdue(instance: Instance, now: Instant): boolean {
  const deadline = enrollmentDeadline(instance, defaultTiming);
  return deadline !== null && now > deadline + seconds(60 + defaultTiming.stalenessSeconds);
}
