import { describe, expect, it } from 'vitest';
import { type ProofKind, proofKinds } from '#protocol/enrollment.ts';
import { type Decision, decideEnrollment } from '#shared/domain/enrollment/enrollment.ts';
import { type EnrollmentCase, usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { aKey, anInstance, clock, type InstanceParts } from '#test/build/an-instance.ts';
import { enrollmentKeyNamed } from '#test/build/records.ts';

const startedAt = clock('12:00:00');
const agent = { id: 'old', version: '', bootId: '', enrolledAt: clock('10:01:00'), state: null, stateAt: null };
const disk = {
  ...{ rootDeviceType: 'ebs', rootDeviceName: '/dev/xvda', rootVolumeId: 'vol-1', rootAttachedAt: startedAt },
  interfaceAttachedAt: startedAt,
};
const described = {
  ...{ ...disk, launchTime: startedAt, describedAt: startedAt, clientToken: null },
  ...{ vpcId: null, privateIp: null, instanceProfileArn: null, tags: {} },
};

/** An instance that was enrolled at 10:01 and has started again at 12:00, and a new key that shows `sts`. */
function decide(fields: Partial<EnrollmentCase> = {}, record: InstanceParts = {}): Decision {
  const enrolled = {
    cloud: { epoch: startedAt, epochNamed: true },
    management: { status: 'enrolled', reason: 'launched' },
    assignment: { serverId: 'srv_1' },
    agent,
  } as const;
  const instance = anInstance(enrolled, record);
  const given: EnrollmentCase = {
    ...{ agentId: 'new', proof: 'sts', registered: true, binding: undefined, grant: undefined, instance },
    document: { ...aKey, pendingTime: startedAt, imageId: 'ami-1', privateIp: null },
    facts: described,
    ...{ allowedProofs: proofKinds, launchPolicy: usualLaunchPolicy, now: clock('12:01:00') },
    ...{ enrolledProof: 'sts', reenrollOnRestart: true },
    ...fields,
  };
  return decideEnrollment(given, defaultTiming);
}

describe('a key that comes with a new start, where policy lets it', () => {
  it('takes the old one’s place, once in that start', () => {
    expect(decide()).toMatchObject({ decide: 'bind', grant: null, reason: 'launched', ends: 'restarted' });
    const once = { ...agent, id: 'next', enrolledAt: clock('12:01:00') };
    expect(decide({}, { agent: once })).toMatchObject({ decide: 'refuse', code: 'grant_missing' });
  });

  it.each<[string, Partial<EnrollmentCase>, InstanceParts, string]>([
    ['policy is silent', { reenrollOnRestart: false }, {}, 'grant_missing'],
    ['the proof is a document alone', { proof: 'iid-rsa2048', enrolledProof: 'iid-rsa2048' }, {}, 'grant_missing'],
    [
      'the agent enrolled after the start, before the document’s second',
      { document: { ...aKey, pendingTime: startedAt + 20_000, imageId: 'ami-1', privateIp: null } },
      { agent: { ...agent, enrolledAt: startedAt + 10_000 } },
      'grant_missing',
    ],
    ['the start is not named yet', {}, { cloud: { epochNamed: false } }, 'instance_not_described'],
    [
      'two machines speak with the key',
      {},
      { identity: { conflict: { reason: 'broken_chain', since: startedAt } } },
      'grant_missing',
    ],
    [
      'the instance was released',
      {},
      { agent: null, management: { status: 'discovered-only', reason: 'released' } },
      'grant_missing',
    ],
    [
      'the instance is blocked',
      {},
      { agent: null, management: { status: 'discovered-only', reason: 'blocked' } },
      'instance_blocked',
    ],
  ])('is refused where %s', (_case, fields, record, code) => {
    expect(decide(fields, record)).toMatchObject({ decide: 'refuse', code });
  });

  it('is refused for a reboot, which opens no start, and for the start in which the agent enrolled', () => {
    const sameStart = { cloud: { epoch: clock('10:00:05') } };
    const document = { ...aKey, pendingTime: clock('10:00:05'), imageId: 'ami-1', privateIp: null };
    expect(decide({ document }, sameStart)).toMatchObject({ decide: 'refuse', code: 'grant_missing' });
  });

  it('is refused with the document of the start before, though that is within the tolerance', () => {
    const document = { ...aKey, pendingTime: clock('11:59:30'), imageId: 'ami-1', privateIp: null };
    const quick = { ...agent, enrolledAt: clock('11:59:40') };
    expect(decide({ document }, { agent: quick })).toMatchObject({ decide: 'refuse', code: 'grant_missing' });
  });

  it('is refused where a disk was moved in, whatever a grant beside it might allow: an operator re-enrolls such a machine', () => {
    const facts = { ...described, rootAttachedAt: clock('11:50:00') };
    const key = enrollmentKeyNamed('key_1', { scope: { ...everyInstance, attachments: ['root_moved'] } });
    for (const grant of [undefined, { kind: 'key', key, valid: false } as const])
      expect(decide({ facts, grant })).toMatchObject({ decide: 'refuse', code: 'attachments_differ' });
  });
});

describe('the strength of a proof', () => {
  const rotation = { previous: { agentId: 'old', fault: null } };
  const pairs = proofKinds.flatMap((before) => proofKinds.map((now): [ProofKind, ProofKind] => [before, now]));

  it.each(pairs)(
    'enrolled with %s, then shown %s: the place is taken only by one as strong',
    (enrolledProof, proof) => {
      const strongEnough = proofKinds.indexOf(proof) <= proofKinds.indexOf(enrolledProof);
      const facts = { proof, enrolledWith: enrolledProof };
      expect(decide({ ...rotation, enrolledProof, proof })).toMatchObject(
        strongEnough ? { decide: 'bind', ends: 'rotated' } : { code: 'proof_too_weak', tell: 'precisely', facts },
      );
      const reenroll = { by: 'new', until: clock('13:00:00'), replaces: 'old', proof: enrolledProof };
      const waiting = {
        management: { status: 'pending', reason: 'awaiting_enrollment' },
        agent: null,
        identity: { reenroll },
      } as const;
      expect(decide({ proof, enrolledProof: null }, waiting)).toMatchObject(
        strongEnough ? { decide: 'bind', ends: null, reason: 'adopted' } : { code: 'proof_too_weak', facts },
      );
    },
  );

  it('is forgotten with a release: what comes then is a first enrollment', () => {
    const released = { management: { status: 'discovered-only', reason: 'released' }, agent: null } as const;
    expect(decide({ proof: 'iid-rsa', enrolledProof: null }, released)).toMatchObject({ code: 'grant_missing' });
  });
});

describe('what a refused rotation is told', () => {
  it.each<[string, EnrollmentCase['previous'], string]>([
    ['the enrolled key signed it: everything', { agentId: 'old', fault: null }, 'precisely'],
    ['it is signed by nobody: one word', { agentId: 'old', fault: 'bad_signature' }, 'vaguely'],
    ['another key signed it: one word', { agentId: 'other', fault: null }, 'vaguely'],
  ])('where %s', (_case, previous, tell) => {
    expect(decide({ previous }, { cloud: { state: 'stopped' } })).toMatchObject({ code: 'instance_not_running', tell });
  });
});
