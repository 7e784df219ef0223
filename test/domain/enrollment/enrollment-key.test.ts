import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proofKinds } from '#protocol/enrollment.ts';
import {
  type EnrollmentKey,
  type EnrollmentScope,
  everyInstance,
  isTooOld,
  keyDeadline,
  outOfScope,
  type Scoped,
  warnOfEnd,
} from '#shared/domain/enrollment/enrollment-key.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, clock } from '#test/build/an-instance.ts';
import { enrollmentKeyNamed } from '#test/build/records.ts';

const profile = 'arn:aws:iam::111122223333:instance-profile/fleet/web';
const facts: Scoped = {
  ...aKey,
  ...{ imageId: 'ami-0abc', vpcId: 'vpc-1', instanceProfileArn: profile, proof: 'iid-rsa2048' },
  tags: { role: 'web', empty: '', 'aws:autoscaling:groupName': 'web-fleet' },
};
/** A scope that the instance fits, member by member. */
const fitting: EnrollmentScope = {
  ...{ accounts: ['999999999999', aKey.account], regions: [aKey.region], images: ['ami-0abc'], vpcs: ['vpc-1'] },
  ...{ instanceIds: [aKey.instanceId], roles: ['db', 'web'], tags: { role: 'web', empty: '' } },
  ...{ proofKinds: ['sts', 'iid-rsa2048'], windowSeconds: 60, attachments: ['root_moved'] },
};
/** What of each member excludes the instance. */
const misfits = {
  accounts: [['999999999999']],
  regions: [['eu-west-1']],
  images: [['ami-0bad']],
  vpcs: [['vpc-2']],
  instanceIds: [['i-0aaaaaaaaaaaaaaaa']],
  roles: [['db'], ['fleet/web'], ['we'], ['arn:aws:iam::999988887777:instance-profile/fleet/web']],
  tags: [
    { role: 'db' },
    { role: 'web', team: 'a' },
    { role: 'WEB' },
    { constructor: 'x' },
    { empty: ' ' },
    { team: '' },
  ],
  proofKinds: [['sts'], ['iid-rsa']],
} as const satisfies { [M in keyof EnrollmentScope]?: readonly EnrollmentScope[M][] };
type Narrowing = keyof typeof misfits;
const members = Object.keys(misfits) as Narrowing[];
const misfitOf = (member: Narrowing): Partial<EnrollmentScope> => ({ [member]: misfits[member][0] });

describe('the scope of an enrollment key', () => {
  it('that names nothing excludes nothing', () => {
    expect(outOfScope(everyInstance, facts)).toBeNull();
    expect(outOfScope(everyInstance, { ...facts, vpcId: null, instanceProfileArn: null, tags: {} })).toBeNull();
  });

  it('that names everything about an instance includes it', () => {
    expect(outOfScope(fitting, facts)).toBeNull();
    expect(outOfScope({ ...fitting, roles: [profile] }, facts)).toBeNull();
    expect(outOfScope({ ...fitting, tags: facts.tags }, facts)).toBeNull();
  });

  it.each(members.flatMap((member) => misfits[member].map((value) => [member, value] as const)))(
    'whose %s name another excludes it, and says by what: %j',
    (member, value) => {
      expect(outOfScope({ ...everyInstance, [member]: value }, facts)).toBe(member);
      expect(outOfScope({ ...fitting, [member]: value }, facts)).toBe(member);
    },
  );

  it.each([
    ['networks', 'vpcs', { vpcId: null }],
    ['roles', 'roles', { instanceProfileArn: null }],
    ['tags', 'tags', { tags: {} }],
  ] as const)('that names %s excludes an instance that has none', (_what, member, without) => {
    expect(outOfScope({ ...everyInstance, [member]: fitting[member] }, { ...facts, ...without })).toBe(member);
  });

  test.prop([fc.subarray(members), fc.subarray(members)])(
    'is a conjunction: every member that is given must fit, and no other counts',
    (given, wrong) => {
      const named = Object.fromEntries(given.map((member) => [member, fitting[member]]));
      const misfitting = Object.assign({}, ...wrong.map(misfitOf));
      const excluded = outOfScope({ ...everyInstance, ...named, ...misfitting }, facts);
      if (wrong.length === 0) expect(excluded).toBeNull();
      else expect(wrong).toContain(excluded);
    },
  );

  test.prop([fc.constantFrom(...proofKinds), fc.subarray([...proofKinds])])(
    'narrows the kinds of proof to those that it names, if it names any',
    (proof, kinds) => {
      const excluded = outOfScope({ ...everyInstance, proofKinds: kinds }, { ...facts, proof });
      expect(excluded).toBe(kinds.length === 0 || kinds.includes(proof) ? null : 'proofKinds');
    },
  );
});

describe('the window of an enrollment key', () => {
  const { instanceId } = aKey;
  const began = clock('10:00:00');
  const asked = { instanceId, began, proof: 'iid-rsa2048' } as const;
  const at = (scope: Partial<EnrollmentScope>, secondsLater: number, proof: Scoped['proof'] = asked.proof) =>
    isTooOld({ ...everyInstance, ...scope }, { ...asked, proof }, began + secondsLater * 1000, defaultTiming);

  it('is open for fifteen minutes, or as long as the key says', () => {
    expect([at({}, 900), at({}, 900.001)]).toEqual([false, true]);
    expect([at({ windowSeconds: 60 }, 60), at({ windowSeconds: 60 }, 60.001)]).toEqual([false, true]);
    expect([at({ windowSeconds: 86_400 }, 86_400), at({ windowSeconds: 86_400 }, 86_401)]).toEqual([false, true]);
  });

  it('does not close for an instance that the key names, nor for a proof of presence', () => {
    expect(at({ instanceIds: [instanceId], windowSeconds: 60 }, 1e6)).toBe(false);
    expect(at({ instanceIds: ['i-0aaaaaaaaaaaaaaaa'] }, 1e6)).toBe(true);
    expect(at({ windowSeconds: 60 }, 1e6, 'sts')).toBe(false);
    expect(at({ windowSeconds: 60 }, 1e6, 'iid-rsa')).toBe(true);
  });
});

describe('the end of an enrollment key', () => {
  const days = 86_400_000;
  const createdAt = clock('10:00:00');
  const expiresAt = createdAt + 30 * days;
  const key = (fields: Partial<EnrollmentKey> = {}) => enrollmentKeyNamed('key_1', { createdAt, expiresAt, ...fields });
  const deadline = (fields: Partial<EnrollmentKey> = {}) => keyDeadline(key(fields), defaultTiming);

  it('is warned of a week and a day before, once each', () => {
    expect(deadline()).toBe(expiresAt - 7 * days);
    expect(warnOfEnd(key(), expiresAt - 7 * days - 1, defaultTiming)).toBeUndefined();
    const told = warnOfEnd(key(), expiresAt - 7 * days + 40_000, defaultTiming)!;
    expect(told).toEqual(key({ warnedAt: expiresAt - 7 * days + 40_000 }));
    expect(keyDeadline(told, defaultTiming)).toBe(expiresAt - days);
    const again = warnOfEnd(told, expiresAt - days, defaultTiming)!;
    expect(again.warnedAt).toBe(expiresAt - days);
    expect(keyDeadline(again, defaultTiming)).toBeNull();
  });

  it('is warned of once by a tick that comes late, even after the end', () => {
    for (const late of [expiresAt - days, expiresAt + days]) {
      const told = warnOfEnd(key(), late, defaultTiming)!;
      expect([told.warnedAt, keyDeadline(told, defaultTiming)]).toEqual([late, null]);
    }
  });

  it.each<[string, Partial<EnrollmentKey>, number | null]>([
    ['that has none', { expiresAt: null }, null],
    ['that was revoked', { revokedAt: createdAt }, null],
    ['that is used up', { usesLeft: 0 }, null],
    ['that has uses left', { usesLeft: 1 }, expiresAt - 7 * days],
    ['that was made for a week', { expiresAt: createdAt + 7 * days }, createdAt + 6 * days],
    ['that was made for three days', { expiresAt: createdAt + 3 * days }, createdAt + 2 * days],
    ['that was made for a day', { expiresAt: createdAt + days }, null],
  ])('of a key %s is warned of when there is a point in it', (_case, fields, at) => {
    expect(deadline(fields)).toBe(at);
  });

  test.prop([
    fc.integer({ min: 1, max: 60 * days }),
    fc.array(fc.integer({ min: 1, max: 20 * days }), { maxLength: 20 }),
  ])('is warned of twice at most, whenever ticks come, and then nothing is due any more', (life, pauses) => {
    let held = key({ expiresAt: createdAt + life });
    let [now, warnings] = [createdAt, 0];
    for (const pause of [...pauses, 100 * days, 100 * days]) {
      now += pause;
      const told = warnOfEnd(held, now, defaultTiming);
      warnings += told ? 1 : 0;
      held = told ?? held;
    }
    expect(warnings).toBeLessThanOrEqual(2);
    expect(keyDeadline(held, defaultTiming)).toBeNull();
  });
});
