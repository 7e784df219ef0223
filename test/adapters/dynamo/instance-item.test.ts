import { unmarshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromInstanceItem, toInstanceItem } from '#shared/adapters/dynamo/instance-item.ts';
import { ledgerEntry, ledgerLimit } from '#shared/domain/cloud/ledger.ts';
import {
  ec2States,
  type Instance,
  type ManagementReason,
  type ManagementStatus,
  newInstance,
} from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { type InstanceParts, withParts } from '#test/build/an-instance.ts';
import { instanceNamed, keyNamed, start } from '#test/build/records.ts';
import { anyInstance } from '#test/contracts/arbitraries.ts';
import { itemSizeBytes } from '../../../bench/item-size.ts';

const at = start + 123;
const longestReasons: [ManagementStatus, ManagementReason][] = [
  ['pending', 'awaiting_enrollment'],
  ['enrolled', 'enrollment_key'],
  ['discovered-only', 'deadline_passed'],
];

const speaking: NonNullable<Instance['agent']> = {
  id: 'c'.repeat(43),
  version: 'v'.repeat(32),
  bootId: '00000000-0000-4000-8000-000000000000',
  enrolledAt: at,
  state: 'stranded in booting',
  stateAt: at,
};
const inConflict: InstanceParts = { agent: speaking, identity: { conflict: { reason: 'other_instance', since: at } } };
/** A silence is not noted of an agent in conflict. */
const silent: InstanceParts = { agent: { ...speaking, silentSince: at } };
const waiting: InstanceParts = {
  identity: { reenroll: { by: 'e'.repeat(43), until: at, replaces: 'c'.repeat(43), proof: 'iid-rsa2048' } },
};

const day = 86_400_000;
const said = Math.floor(at / 1000) * 1000;
/** More do not come together: an instance is a spot instance or of a Capacity Block, and AWS schedules a change or two at a time. */
const fourWarnings: Instance['cloud']['warnings'] = [
  { kind: 'spot_interruption', since: said, saidAt: said, deadline: said + 120_000 },
  { kind: 'scheduled_retirement', since: said - 15 * day, saidAt: said - day, deadline: said + 14 * day },
  { kind: 'scheduled_reboot', since: said - day, saidAt: said - day, deadline: said + 14 * day },
  { kind: 'rebalance_recommendation', since: said - day, saidAt: said - day, deadline: null },
];

/** Every field set, each to the longest that it takes; some of them never come together. */
const fattest = (
  state: Instance['cloud']['state'],
  [status, reason]: [ManagementStatus, ManagementReason],
  agent: InstanceParts,
): Instance =>
  withParts(
    newInstance(keyNamed('i-0123456789abcdef0', 'ap-southeast-5'), at),
    {
      version: 123_456_789,
      cloud: {
        state,
        at,
        source: 'describe',
        epoch: at,
        epochNamed: true,
        stoppedAt: at,
        runningAt: at,
        seenAt: at,
        verify: { reason: 'alive_when_ended', since: at },
        absent: { seenAt: at, since: at },
        inferred: true,
        ledger: Array.from({ length: ledgerLimit }, (_, n) => ledgerEntry('shutting-down', at + n, `event ${n}`)),
        failedStart: { at, reason: 'Server.InsufficientInstanceCapacity' },
        warnings: fourWarnings,
      },
      management: { status, reason, since: at, notBefore: at },
      assignment: { serverId: `srv_${'a'.repeat(32)}`, launchId: `lch_${'b'.repeat(32)}`, surplusSince: at },
      identity: { refusedAttempt: { at, code: 'enrollment_window_closed', reference: `ref_${'d'.repeat(32)}` } },
    },
    status === 'enrolled' ? agent : waiting,
  );

describe('the item of an instance', () => {
  test('holds every record', () => {
    fc.assert(
      fc.property(anyInstance('i-1'), (instance) => {
        expect(fromInstanceItem(toInstanceItem(instance, defaultTiming))).toEqual(instance);
      }),
    );
  });

  test('stays under one kilobyte, so that a write costs one unit', () => {
    const sizes = ec2States.flatMap((state) =>
      longestReasons.flatMap((words) =>
        [inConflict, silent].map((agent) => itemSizeBytes(toInstanceItem(fattest(state, words, agent), defaultTiming))),
      ),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024);
  });

  test('of an ended enrollment has room for who ended it and why, and takes two kilobytes more at most', () => {
    const usual = {
      who: `arn:aws:sts::111122223333:assumed-role/${'r'.repeat(32)}/${'s'.repeat(32)}`,
      reason: 'r'.repeat(80),
    };
    const longest = {
      who: `arn:aws:iam::111122223333:user/${'p'.repeat(510)}/${'u'.repeat(64)}`,
      reason: '\u{1F512}'.repeat(255),
    };
    const sizeWith = (act: { who: string; reason: string }, record: Instance) => {
      const management = { ...record.management, act: { ...act, requestId: 'JKJaXmPLvHcESHA=' } };
      return itemSizeBytes(toInstanceItem({ ...record, management }, defaultTiming));
    };
    const ended = { status: 'discovered-only', reason: 'released', since: at, notBefore: at } as const;
    const { cloud, assignment } = fattest('running', ['discovered-only', 'deadline_passed'], {});
    const normal = { ...cloud, verify: null, absent: null, inferred: false, failedStart: null, warnings: [] };
    expect(
      sizeWith(usual, instanceNamed('i-0123456789abcdef0', { cloud: normal, assignment, management: ended })),
    ).toBeLessThanOrEqual(1024);
    const full = fattest('shutting-down', ['discovered-only', 'deadline_passed'], {});
    expect(sizeWith(longest, full)).toBeLessThanOrEqual(3072);
  });

  test('keeps nothing of what is null or false', () => {
    const item = unmarshall(toInstanceItem(instanceNamed('i-1'), defaultTiming));
    expect(item).toEqual({
      pk: 'INSTANCE#111122223333#us-east-1',
      sk: 'i-1',
      kind: 'instance',
      state: 'unknown',
      ledger: [],
      management: 'pending',
      reason: 'awaiting_enrollment',
      since: start,
      notBefore: start,
      dueShard: expect.stringMatching(/^DUE#\d+$/),
      version: 0,
    });
  });

  test('expires thirty days after the end, in seconds, and not before', () => {
    const ended = instanceNamed('i-1', { cloud: { state: 'terminated', at } });
    const days30 = 30 * 86_400;
    expect(unmarshall(toInstanceItem(ended, defaultTiming)).expiresAt).toBe(Math.ceil(at / 1000) + days30);
    expect(toInstanceItem({ ...ended, cloud: { ...ended.cloud, state: 'stopped' } }, defaultTiming)).not.toHaveProperty(
      'expiresAt',
    );
  });

  test('is due at the enrollment deadline while it waits', () => {
    const running = instanceNamed('i-1', { cloud: { state: 'running', at, runningAt: at } });
    expect(toInstanceItem(running, defaultTiming).due?.S).toBe('2026-11-02T10:15:00.123Z');
    const enrolled: Instance = {
      ...running,
      management: { ...running.management, status: 'enrolled', reason: 'launched' },
    };
    expect(toInstanceItem(enrolled, defaultTiming)).not.toHaveProperty('dueShard');
  });

  test('of another kind is none of an instance', () => {
    expect(() => fromInstanceItem({ pk: { S: 'SERVERS' }, sk: { S: 'srv_1' } })).toThrow('SERVERS srv_1');
  });
});
