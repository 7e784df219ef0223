import fc from 'fast-check';
import { proofKinds } from '#protocol/enrollment.ts';
import { ledgerEntry, ledgerLimit } from '#shared/domain/cloud/ledger.ts';
import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import { mergeEvent, type StateChange } from '#shared/domain/cloud/merge-event.ts';
import {
  conflictReasons,
  type Ec2State,
  ec2States,
  type Instance,
  isLegalStep,
  type ManagementReason,
  type ManagementStatus,
  warningKinds,
} from '#shared/domain/instance/instance.ts';
import { wholeSecond } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, keyNamed, start } from '#test/build/records.ts';

/** Half seconds of a few minutes: few enough for stamps to meet. */
const instant = fc.integer({ min: 0, max: 400 }).map((halves) => start + halves * 500);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const ec2State = fc.constantFrom(...ec2States);

const managements = {
  pending: ['awaiting_enrollment', 'start_failed', 'ended_unenrolled'],
  enrolled: ['launched', 'enrollment_key', 'adopted'],
  'discovered-only': ['deadline_passed', 'released', 'blocked'],
} as const satisfies Record<ManagementStatus, readonly ManagementReason[]>;

const management = fc
  .constantFrom(...(Object.keys(managements) as ManagementStatus[]))
  .chain((word) => fc.constantFrom(...managements[word]).map((reason) => ({ status: word, reason })));

/** Transitions of the past: none is later than what was last applied, and none is of the event to come. */
const ledger = (until: number) =>
  fc.array(
    fc
      .tuple(ec2State, instant, fc.nat(99))
      .map(([state, at, n]) => ledgerEntry(state, Math.min(at, until), `past ${n}`)),
    { maxLength: ledgerLimit },
  );

const agent = fc
  .record({
    id: fc.constantFrom('agent-1', 'agent-2'),
    version: fc.constant('1.0.0'),
    bootId: fc.constantFrom('boot-1', ''),
    enrolledAt: instant,
    state: maybe(fc.constant('operational')),
    stateAt: maybe(instant),
    silentSince: fc.option(instant, { nil: undefined }),
  })
  .map(({ silentSince, ...speaking }) => ({ ...speaking, ...(silentSince !== undefined && { silentSince }) }));

const reenroll = fc.record({
  by: fc.constantFrom('agent-3', 'key_1'),
  until: instant,
  replaces: maybe(fc.constant('agent-1')),
  proof: maybe(fc.constantFrom(...proofKinds)),
});

const inWholeSeconds = instant.map(wholeSecond);
/** At most one of each kind, in their order, as the merge keeps them. */
const someWarnings = fc
  .record({
    kinds: fc.subarray([...warningKinds]),
    times: fc.array(fc.tuple(inWholeSeconds, fc.nat(90), maybe(fc.nat(90_000))), { minLength: 7, maxLength: 7 }),
  })
  .map(({ kinds, times }) =>
    kinds.map((kind, n) => {
      const [since, again, ahead] = times[n] as (typeof times)[number];
      const saidAt = since + again * 1000;
      return { kind, since, saidAt, deadline: ahead === null ? null : saidAt + ahead * 1000 };
    }),
  );

/** Records of all kinds, also such as no sequence of observations leads to; of their fields' own agreements only the plainest are kept. */
export const anyInstance = (instanceId: string): fc.Arbitrary<Instance> =>
  fc
    .record({
      cloud: fc.record({
        state: ec2State,
        source: fc.constantFrom('event' as const, 'describe' as const, 'launch' as const),
        epoch: maybe(instant),
        epochNamed: fc.boolean(),
        stoppedAt: maybe(instant),
        runningAt: maybe(instant),
        seenAt: maybe(instant),
        verify: maybe(fc.record({ reason: fc.constant('illegal_step' as const), since: instant })),
        absent: maybe(fc.record({ seenAt: instant, since: maybe(instant) })),
        inferred: fc.boolean(),
        failedStart: maybe(fc.record({ at: instant, reason: fc.constant('unknown') })),
        warnings: someWarnings,
      }),
      words: management,
      times: fc.record({ since: instant, notBefore: instant }),
      act: fc.option(fc.record({ who: fc.string(), reason: maybe(fc.string()), requestId: fc.uuid() }), {
        nil: undefined,
      }),
      assignment: fc.record({
        serverId: maybe(fc.constant('srv_1')),
        launchId: maybe(fc.constant('lch_1')),
        surplusSince: maybe(instant),
      }),
      agent: maybe(agent),
      identity: fc.record({
        conflict: maybe(fc.record({ reason: fc.constantFrom(...conflictReasons), since: instant })),
        reenroll: maybe(reenroll),
        refusedAttempt: maybe(
          fc.record({ at: instant, code: fc.constant('grant_missing'), reference: fc.constant('ref_1') }),
        ),
      }),
      stamped: instant.chain((at) => ledger(at).map((entries) => ({ at, ledger: entries }))),
    })
    .map(({ cloud, words, times, act, stamped, ...parts }) =>
      instanceNamed(instanceId, {
        ...parts,
        management: { ...words, ...times, ...(act && { act }) },
        cloud: {
          ...cloud,
          ...stamped,
          epochNamed: cloud.epochNamed && cloud.epoch !== null,
          inferred: cloud.inferred && cloud.state === 'terminated',
        },
      }),
    );

/** Events that come on time. */
export const anyEvent = (instanceId: string): fc.Arbitrary<StateChange> =>
  fc.tuple(ec2State, instant, fc.nat(99)).map(([state, at, n]) => ({
    ...keyNamed(instanceId),
    id: `event ${n}`,
    state,
    at,
    receivedAt: at + 700,
  }));

/** A transition of a life: which of the legal next states, how long after the one before, and whether EC2 is asked afterwards. */
const transition = fc.record({
  next: fc.nat(3),
  gap: fc.integer({ min: 1, max: 40 }).map((halves) => halves * 500),
  isLegal: fc.integer({ min: 0, max: 9 }).map((draw) => draw > 0),
  isAsked: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
});

/** What observations leave of a life, most of it in order: some steps are missing, some stamps lie close, some states were described. */
const anyLife = (instanceId: string): fc.Arbitrary<Instance> =>
  fc.tuple(fc.boolean(), fc.array(transition, { maxLength: 9 })).map(([isNamed, transitions]) => {
    const key = keyNamed(instanceId);
    let [state, at, launchTime] = ['pending' as Ec2State, start, start];
    const observe = (record: Instance | undefined) =>
      mergeEvent(record, { ...key, id: `past ${at}`, state, at, receivedAt: at + 700 }, defaultTiming).instance;
    const ask = (record: Instance) => {
      const answer = { ...key, state, launchTime, transitionAt: null, stateReason: null, sentAt: at + 900 };
      return mergeDescribed(record, { ...answer, source: 'describe' }, defaultTiming).instance;
    };
    let record = isNamed ? ask(observe(undefined)) : observe(undefined);
    for (const { next, gap, isLegal, isAsked } of transitions) {
      const steps = ec2States.filter((to) => !isLegal || isLegalStep(state, to));
      const before = state;
      state = steps[next % steps.length] ?? state;
      at += gap;
      const starts = state === 'pending' || (state === 'running' && before !== 'pending');
      if (starts) launchTime = at;
      record = isAsked ? ask(record) : observe(record);
    }
    return record;
  });

/** A record that a life leaves, and an event that follows: what a first try is for, or nearly. */
export const anyStep = (instanceId: string): fc.Arbitrary<{ record: Instance; event: StateChange }> =>
  fc
    .tuple(anyLife(instanceId), anyInstance(instanceId), anyEvent(instanceId), fc.integer({ min: 1500, max: 9000 }))
    .map(([life, { management, ...other }, event, later]) => {
      const { cloud } = life;
      // Why a record waits follows from what is known of the cloud.
      const why = management.status === 'pending' ? life.management : management;
      const at = (cloud.at ?? start) + later;
      const record = { ...other, cloud, management: { ...why, notBefore: management.notBefore } };
      return { record, event: { ...event, at, receivedAt: at + 700 } };
    });
