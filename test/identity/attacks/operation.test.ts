import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { bodyHash, signAgentToken, signEnrollment } from '#agent/key/sign.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { checkIn } from '#shared/app/agent/check-in.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import {
  agentOf,
  bindingChange,
  byKey,
  byLaunch,
  enrollmentSetup,
  here,
  instanceChange,
  instanceId,
  keyChange,
  keyId,
  now,
  running,
} from '#test/app/enrollment/enrollment-setup.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { leaseOf, linkOf, second, start } from '#test/build/records.ts';
import { audience } from '#test/fakes/identity.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { document } from '../object-parts.ts';
import { allOf, attack, harmless, performedBy } from './attack.ts';
import { enrollmentAttack } from './enrollments.ts';
import { enrollHandler } from './handlers.ts';
import { payload, read, withPayload } from './requests.ts';

/** As deployed, and with a table that does not answer: a read would make it `internal`. */
const post = await enrollHandler();
const flood = (proof: () => object) => async () => {
  const once = () => {
    const iat = Math.floor(Date.now() / 1000);
    const body = signEnrollment(newAgentKey(), { ...payload, aud: audience, iat, proof: proof() });
    return post({ headers: { 'content-type': 'application/jose' }, body, isBase64Encoded: false });
  };
  const codes = await Promise.all(Array.from({ length: 50 }, async () => (await refusalOf(once())).code));
  expect(new Set(codes).size).toBe(1);
  return once();
};
const base64 = (length: number) => randomBytes(length).toString('base64');
attack(
  98,
  'of objects that are none',
  flood(() => ({ kind: 'iid-rsa2048', rsa2048: base64(1100) })),
  {
    ...{ code: 'malformed_signature', facts: { offset: 0 } },
  },
);
attack(
  98,
  'of documents that are none',
  flood(() => ({ kind: 'iid-rsa', document: base64(300), signature: base64(128) })),
  {
    code: 'malformed_document',
  },
);
attack(
  98,
  'of true-looking documents',
  flood(() => ({ kind: 'iid-rsa', document, signature: base64(128) })),
  {
    ...{ code: 'invalid_signature', facts: { region: 'us-east-1' } },
  },
);

/** Whose seed leaked before the key was ended: old documents of a registered account cost no question to EC2. */
for (const [code, fields] of [
  ['grant_revoked', { revokedAt: now - 1 }],
  ['grant_expired', { expiresAt: now - 1 }],
  ['grant_used_up', { usesLeft: 0 }],
] as const) {
  attack(
    98,
    `by an enrollment key that is over: ${code}`,
    async () => {
      const setup = await enrollmentSetup([keyChange(fields)]);
      const asking = setup.enroll(byKey);
      await asking.catch(() => {});
      expect(setup.verify.sent).toEqual([]);
      return asking;
    },
    { code, facts: expect.objectContaining({ keyId: 'key_web', reference: 'ref_1' }) },
  );
}

const untouched = [instanceChange(running()), keyChange()];
attack(
  99,
  'without a grant: one note on the record, and no question to EC2',
  async () => {
    const setup = await enrollmentSetup(untouched);
    for (let nth = 0; nth < 50; nth++) await refusalOf(setup.enroll());
    expect(setup.written).toHaveLength(1);
    expect(setup.verify.sent).toEqual([]);
    return setup.enroll();
  },
  { facts: { reference: 'ref_51' } },
);
harmless(99, 'by the enrolled key: the same answer, and no write', async () => {
  const setup = await enrollmentSetup(untouched);
  const key = newAgentKey();
  const answer = await setup.enroll({ key, ...byKey });
  const { length } = setup.written;
  for (let nth = 0; nth < 50; nth++) expect(await setup.enroll({ key })).toEqual(answer);
  expect([setup.written.length, setup.verify.sent]).toEqual([length, []]);
});

const agent = newAgentKey();
const enrolled = running({
  agent: agentOf(agent),
  management: { status: 'enrolled' },
  assignment: { serverId: 'srv_1' },
});
const taken = [instanceChange(enrolled), bindingChange(agent.id), keyChange()];
const stranger = { claim: { ...here, account: '999988887777', pendingTime: start } };
const past = { claim: { ...here, account: '999988887777', pendingTime: start - 3600 * second } };
for (const [form, records, asking] of [
  ['a stranger', untouched, stranger],
  ['a stranger with a valid grant', untouched, { ...stranger, ...byKey }],
  ['a stranger with an enrolled key', taken, { ...stranger, key: agent }],
  ['a stranger with a denied key', [bindingChange(agent.id, { status: 'denied' })], { ...stranger, key: agent }],
  ['a stranger with an old document', untouched, past],
  ['a free instance', untouched, {}],
  ['an enrolled instance', taken, {}],
  ['an ended instance', [instanceChange(running({ cloud: { state: 'terminated', at: now } })), keyChange()], {}],
  ['an unknown key', untouched, { grant: { ...byKey.grant, id: 'key_none' } }],
  ['a known key', untouched, { grant: { ...byLaunch.grant, id: keyId } }],
  ['an unknown launch', untouched, { grant: { ...byKey.grant, id: 'lch_none' } }],
] as const) {
  enrollmentAttack(100, form, { records, asking });
}

const { agent: machine } = payload;
for (const [member, values] of Object.entries({
  hostname: [
    'a\nb',
    'a\r\nlevel=error',
    '\u001b[31mred',
    'a\u0000b',
    'a\u202eb',
    'a\u2028b',
    '\u0085',
    'h'.repeat(254),
    'h'.repeat(10_240),
  ],
  os: ['a\tb', 'o'.repeat(65), ['debian'], { name: 'debian' }, 7],
  osVersion: ['\u007f', 'o'.repeat(65)],
  arch: ['a\u200bb', 'a'.repeat(33)],
  version: ['1.0\n', 'v'.repeat(33), 'é', null],
  bootId: ['', 'b 1', 'b#1', 'b'.repeat(37)],
})) {
  for (const value of values) {
    attack(
      101,
      `${member}: ${JSON.stringify(value).slice(0, 40)}`,
      () => read(withPayload({ agent: { ...machine, [member]: value } })),
      {
        facts: { member: `agent.${member}` },
      },
    );
  }
}
attack(101, 'a member of one’s own', () => read(withPayload({ agent: { ...machine, 'x\ny': 'z' } })), {
  facts: { member: 'agent' },
});

performedBy(
  102,
  'refused',
  'app/enrollment/enroll-races.test.ts',
  'holds no document, signature, grant or key of the request',
);
enrollmentAttack(102, 'of a document in a refusal', {
  records: untouched,
  asking: { grant: { ...byLaunch.grant, id: keyId } },
});

const checkins = 'app/agent/check-in.test.ts';
performedBy(103, 'wrong_audience', checkins, 'for another method');
performedBy(103, 'wrong_audience', checkins, 'for another route');
performedBy(103, 'body_hash_mismatch', checkins, 'for another body');
performedBy(103, 'clock_skew', checkins, 'by a clock more than five minutes off, with both times');
performedBy(
  103,
  'stale_sequence',
  checkins,
  'with the seq %d, which was overtaken: that is written once in five minutes',
);
performedBy(103, 'stale_sequence', checkins, 'when a later one came between, and its report does not count');

harmless(103, 'a token that was seen, before anything was applied', async () => {
  const written: RecordChange[] = [];
  const memory = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  const said = { ...agentOf(agent), state: 'operational', stateAt: start };
  for (const change of [
    instanceChange({ ...enrolled, agent: said }),
    bindingChange(agent.id, { publicKey: agent.publicKeyX }),
  ])
    await memory.commit([change]);
  await memory.renewLease(
    undefined,
    leaseOf(instanceId, { agentId: agent.id, lastSeenAt: now, seq: 5, link: linkOf(0) }),
  );
  written.length = 0;
  const renewLease = () => expect.unreachable('the lease was written');
  const ports = {
    ...{ store: { ...memory, renewLease }, verify: new KeepingOutbox<never>(), twinSeen: renewLease },
    ...{
      audiences: [audience],
      isRegistered: () => true,
      endingFinished: () => {},
      begunAnew: () => {},
      timing: defaultTiming,
    },
  };
  const links = { link: linkOf(1), previousLink: linkOf(0) };
  const report = { instanceId, bootId: 'b0', state: 'operational', ...links } as const;
  const bsh = bodyHash(JSON.stringify(report));
  const claims = { htm: 'POST', htu: `${audience}/v1/checkin`, iat: Math.floor(now / 1000), seq: 6, bsh };
  const request = { token: signAgentToken(agent, claims), bodySha256: bsh, report };
  const [first, again] = [await checkIn(request, now, ports), await checkIn(request, now + second, ports)];
  expect(again).toEqual(first);
  expect(written).toEqual([]);
});

performedBy(104, 'agent_unknown', checkins, 'by a key whose instance has another by now');
performedBy(104, 'key_denied', checkins, 'by a key that was released or blocked');
performedBy(104, 'key_denied', checkins, 'and signs anew is in other hands: the one that took its place is in doubt');
performedBy(104, 'harmless', checkins, 'of an instance that is %s on record raises doubt and asks EC2 once');

const twins = 'app/agent/twins.test.ts';
performedBy(
  105,
  'harmless',
  twins,
  'is seen by the third answered check-in of the true agent, if he was heard for longer than two links',
);
performedBy(
  105,
  'identity_conflict',
  twins,
  'cannot outrun it, though he raises the number before each of its check-ins',
);
performedBy(105, 'identity_conflict', 'agent/life.test.ts', 'and counts as high as it can is seen all the same');
const lockedOut = 'and rotates the key is seen by the last word of the machine that it locks out';
performedBy(105, 'identity_conflict', 'agent/life.test.ts', lockedOut);
performedBy(105, 'identity_conflict', checkins, 'show themselves by %s');
performedBy(
  105,
  'identity_conflict',
  checkins,
  'are both refused from then on, the true one too, and nothing more is written',
);
const overtaken =
  'are not seen in a number that was overtaken, which may be a late delivery: whoever adopts the number is';
performedBy(105, 'stale_sequence', checkins, overtaken);
performedBy(
  105,
  'identity_conflict',
  twins,
  'are seen once both check in and are answered, wherever the copy was made',
);
performedBy(105, 'harmless', twins, 'speak for no longer than two links: then one alone does, or neither');

const replacing = 'app/agent/replace-agent.test.ts';
performedBy(106, 'proof_too_weak', replacing, 'rotates nothing');
performedBy(106, 'proof_too_weak', replacing, 're-enrolls nothing, by whatever the operator has named');
const strength = 'enrolled with %s, then shown %s: the place is taken only by one as strong';
performedBy(106, 'proof_too_weak', 'domain/agent/replacement.test.ts', strength);

performedBy(107, 'key_denied', 'functions/operators-win.test.ts', 'does not hold off %s');
performedBy(107, 'harmless', checkins, 'is once in five seconds');
performedBy(108, 'rotated_too_often', replacing, 'is allowed six times in any hour, by whatever keys');
performedBy(108, 'harmless', checkins, 'is followed through hundreds of rotations in one read');
performedBy(109, 'agent_unknown', checkins, 'learns nothing of a key that is %s, whatever the request says');

allOf('Floods and information leaks', 'After the enrollment');
