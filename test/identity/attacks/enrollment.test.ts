import { expect } from 'vitest';
import { signEnrollment } from '#agent/key/sign.ts';
import type { Store } from '#shared/app/ports.ts';
import { isRegisteredIn } from '#shared/domain/account/accounts.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { later as halfAnHourLater, lifeSetup } from '#test/app/agent/life-setup.ts';
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
  keyScope,
  launchChanges,
  now,
  precisely,
  running,
} from '#test/app/enrollment/enrollment-setup.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { factsOf, second, start } from '#test/build/records.ts';
import { audience, signedGrant } from '#test/fakes/identity.ts';
import { anchors, signedObject } from '../object-parts.ts';
import { rsa2048Proof, vectors } from '../vectors.ts';
import { allOf, attack, harmless, performedBy } from './attack.ts';
import { enrollmentAttack } from './enrollments.ts';
import { enrollHandler } from './handlers.ts';
import { payload } from './requests.ts';

/** A store that nobody may ask. */
const unreadable = new Proxy({} as Store, {
  get: (_, name) => () => {
    throw new Error(`${String(name)} was called`);
  },
});
const unasked = { ports: { store: unreadable } };
const stranger = { ...here, account: '999988887777', pendingTime: start };
const notRegistered = { reason: 'account_not_registered' } as const;

for (const [form, grant] of [
  ['alone', {}],
  ['with a valid grant', byKey],
] as const) {
  const asking = { claim: stranger, ...grant };
  enrollmentAttack(57, form, { ...unasked, records: [keyChange()], asking }, notRegistered);
}

const inRegion = (region: string) => ({ asking: { claim: { ...here, region, pendingTime: start }, ...byKey } });
enrollmentAttack(58, 'another Region', { ...unasked, ...inRegion('eu-west-1') }, notRegistered);
for (const region of ['us-gov-west-1', 'cn-north-1', 'us-east-2']) {
  const isRegistered = isRegisteredIn({ [here.account]: accountIn(region) });
  const ports = { store: unreadable, isRegistered };
  enrollmentAttack(58, `registered in ${region}`, { ...inRegion('us-east-1'), ports }, notRegistered);
}
function accountIn(region: string): Parameters<typeof isRegisteredIn>[0][string] {
  return { regions: [region], launch: { instanceProfileArns: [], subnetIds: [], securityGroupIds: [] } };
}

harmless(59, 'both enroll, each on its own', async () => {
  const other = { ...here, account: '444455556666' };
  const records = [running(), { ...running(), account: other.account }].map(instanceChange);
  const setup = await enrollmentSetup([...records, keyChange(keyScope({}))]);
  const keys = [newAgentKey(), newAgentKey()] as const;
  for (const [nth, place] of [here, other].entries()) {
    await setup.store.putFacts({ ...factsOf(instanceId), ...place });
    const asking = { key: keys[nth]!, claim: { ...place, pendingTime: start }, ...byKey };
    await setup.enroll(asking, { isRegistered: () => true });
  }
  expect(await setup.store.getInstance(here)).toMatchObject({
    agent: { id: keys[0].id },
    assignment: { serverId: 'srv_1' },
  });
  expect(await setup.store.getInstance(other)).toMatchObject({
    agent: { id: keys[1].id },
    assignment: { serverId: 'srv_2' },
  });
});

const members = 'adapters/aws/member-credentials.test.ts';
performedBy(59, 'harmless', members, 'and another with an instance of the same id have two records');

const trueAgent = newAgentKey();
const enrolled = running({
  agent: agentOf(trueAgent),
  management: { status: 'enrolled' },
  assignment: { serverId: 'srv_0' },
});
const taken = [instanceChange(enrolled), bindingChange(trueAgent.id), keyChange()];

const nobodys = { ...unasked.ports, isRegistered: isRegisteredIn({}) };
enrollmentAttack(
  60,
  'by an enrolled key',
  { records: taken, asking: { key: trueAgent }, ports: nobodys },
  notRegistered,
);
const ownRole = 'is asked about with its own role, once STS has said whose that is';
performedBy(60, 'harmless', members, ownRole);
performedBy(
  60,
  'harmless',
  members,
  'takes it anew five minutes before it ends, and has the new one’s owner confirmed too',
);
performedBy(61, 'harmless', members, ownRole);
performedBy(61, 'harmless', members, 'has its role in the deployment’s partition: %s');
performedBy(61, 'harmless', members, 'is not acted in: %s %s');

enrollmentAttack(62, 'alone', { records: taken }, { code: 'refused', reason: 'grant_missing' });
enrollmentAttack(
  62,
  'with a valid grant',
  { records: taken, asking: byKey },
  {
    ...{ code: 'already_enrolled', facts: precisely({ enrolledAgent: trueAgent.id }) },
  },
);

const untouched = [instanceChange(running()), keyChange()];
const captured = signedGrant(byKey.grant, { key: trueAgent, jti: 'one' });
enrollmentAttack(63, 'alone', { records: untouched }, { reason: 'grant_missing' });
enrollmentAttack(
  63,
  'with a grant out of a captured request',
  { records: untouched, asking: { grant: captured } },
  {
    reason: 'grant_invalid',
  },
);
enrollmentAttack(
  63,
  'with the grant of another seed',
  { records: untouched, asking: { grant: { ...byLaunch.grant, id: keyId } } },
  {
    reason: 'grant_invalid',
  },
);

const terminated = [instanceChange(running({ cloud: { state: 'terminated', at: now - 3600 * second } })), keyChange()];
enrollmentAttack(64, 'alone', { records: terminated }, { code: 'refused', reason: 'instance_not_running' });
enrollmentAttack(
  64,
  'with a valid grant',
  { records: terminated, asking: byKey },
  {
    ...{ code: 'instance_not_running', facts: precisely({ state: 'terminated' }) },
  },
);

const restarted = [instanceChange(running({ cloud: { epoch: start + 61 * second } })), keyChange()];
const fromBefore = { pendingTime: '2026-11-02T10:00:00Z', startedAt: '2026-11-02T10:01:01Z' };
enrollmentAttack(65, 'alone', { records: restarted }, { reason: 'stale_document' });
enrollmentAttack(65, 'with a valid grant', { records: restarted, asking: byKey }, { facts: precisely(fromBefore) });

const later = { claim: { ...here, pendingTime: start + 61 * second }, now: start + 90 * second };
const ahead = { pendingTime: '2026-11-02T10:01:01Z', startedAt: '2026-11-02T10:00:00Z', retryAfterSeconds: 5 };
enrollmentAttack(
  66,
  'than EC2’s word, alone',
  { records: untouched, asking: later },
  {
    ...{ code: 'retry', facts: { reference: 'ref_1', retryAfterSeconds: 5 }, reason: 'document_from_future' },
  },
);
enrollmentAttack(
  66,
  'than EC2’s word, with a valid grant',
  { records: untouched, asking: { ...later, ...byKey } },
  {
    ...{ code: 'document_from_future', facts: precisely(ahead) },
  },
);
attack(66, 'than now', () => verifyDocument(rsa2048Proof(signedObject()), anchors, new Date('2026-11-02T09:59:00Z')), {
  code: 'document_from_future',
  facts: { documentTime: '2026-11-02T10:00:09.000Z', now: '2026-11-02T09:59:00.000Z' },
});

const enrolledLater = [
  instanceChange({ ...enrolled, cloud: { ...enrolled.cloud, epoch: start + 90 * second } }),
  bindingChange(trueAgent.id),
  keyChange(),
];
const startedAt = '2026-11-02T10:01:30Z';
enrollmentAttack(
  67,
  'of an earlier start',
  { records: enrolledLater, asking: byKey },
  {
    ...{ code: 'stale_document', facts: precisely({ ...fromBefore, startedAt }) },
  },
);
const earlier = { claim: { ...here, pendingTime: start - 59 * second }, ...byKey };
enrollmentAttack(
  67,
  'of the same start',
  { records: taken, asking: earlier },
  {
    ...{ code: 'already_enrolled', facts: precisely({ enrolledAgent: trueAgent.id }) },
  },
);

const post = await enrollHandler();
for (const { kind, instanceId: id, document, signature } of vectors) {
  const proof =
    kind === 'signature' ? { kind: 'iid-rsa', document, signature } : { kind: 'iid-rsa2048', rsa2048: signature };
  const body = () =>
    signEnrollment(newAgentKey(), { ...payload, aud: audience, iat: Math.floor(Date.now() / 1000), proof });
  const asDeployed = () =>
    post({ headers: { 'content-type': 'application/jose' }, body: body(), isBase64Encoded: false });
  const facts = { reference: expect.stringMatching(/^ref_/) };
  attack(68, `of a public test suite, ${id}, ${kind}`, asDeployed, {
    ...(kind === 'pkcs7'
      ? { code: 'unsupported_signature', facts: { algorithm: expect.any(String) } }
      : { code: 'refused', facts }),
  });
}

performedBy(
  69,
  'already_enrolled',
  'app/enrollment/enroll-races.test.ts',
  'bind exactly one, and the other is told who is enrolled',
);

const races = 'app/enrollment/enroll-races.test.ts';
performedBy(70, 'harmless', races, 'gets one record, one event and twice the same answer');
performedBy(70, 'harmless', 'app/enrollment/enroll-instance.test.ts', 'gets the same answer, and nothing is written');

harmless(71, 'the answer is lost after the write', async () => {
  const setup = await enrollmentSetup(untouched);
  const key = newAgentKey();
  const commit: Store['commit'] = async (...given) => {
    await setup.store.commit(...given);
    throw new Error('the process died');
  };
  await expect(setup.enroll({ key, ...byKey }, { store: { ...setup.store, commit } })).rejects.toThrow('died');
  expect(await setup.enroll({ key, ...byKey })).toMatchObject({ agentId: key.id, serverId: 'srv_1' });
  const events = setup.written.flatMap((change) =>
    change.kind === 'instance' ? eventsOf(change.before, change.after) : [],
  );
  expect(events.filter(({ detailType }) => detailType === 'Instance Enrolled')).toHaveLength(1);
  expect(setup.written.filter(({ kind }) => kind === 'server')).toHaveLength(1);
});

const times = 'app/enrollment/enroll-times.test.ts';
performedBy(
  72,
  'instance_not_described',
  times,
  'for an instance that nobody has heard of asks EC2 once, and says when to come',
);
performedBy(72, 'retry', 'app/enrollment/enroll-untold.test.ts', 'a start that EC2 has not confirmed');
performedBy(73, 'instance_not_running', times, 'does not enroll: %s');
performedBy(73, 'instance_not_running', times, 'is in doubt, and EC2 is asked, if it is %s and its agent speaks');
performedBy(74, 'busy', races, 'is reported as busy after five times, and never as already enrolled');
const replacing = 'app/agent/replace-agent.test.ts';
performedBy(75, 'refused', replacing, 'is for this instance alone');
performedBy(75, 're_enrollment_only', replacing, 'is for that key alone, whatever grant another one shows');
performedBy(75, 'grant_used_up', replacing, 'enrolls one key once, on an instance that Muster launched');
const overElsewhereRevoked = 'is refused after its time, on another instance, and when it was revoked';
performedBy(75, 'grant_out_of_scope', replacing, overElsewhereRevoked);
performedBy(75, 'grant_expired', replacing, overElsewhereRevoked);
performedBy(75, 'grant_expired', replacing, 'is over after a quarter of an hour, and says so');
performedBy(75, 'grant_revoked', replacing, overElsewhereRevoked);
performedBy(75, 'grant_revoked', replacing, 'does not count when the operator has changed their mind');
const named = newAgentKey();
attack(
  75,
  'by another key, after the named one',
  async () => {
    const setup = await lifeSetup({}, launchChanges());
    await setup.reenrollByKey(named.id);
    await setup.enroll({ key: named, now: halfAnHourLater });
    return setup.enroll({ ...byLaunch, now: halfAnHourLater + second });
  },
  { code: 'already_enrolled', facts: precisely({ enrolledAgent: named.id }) },
);

const by = { accessKeyId: 'ASIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret', sessionToken: 'token' };
const onRestart = { records: taken, ports: { allowedProofs: ['sts'], reenrollOnRestart: true } } as const;
enrollmentAttack(
  76,
  'in the start in which the agent enrolled',
  { ...onRestart, asking: { sts: { by } } },
  {
    ...{ code: 'refused', reason: 'grant_missing' },
  },
);
enrollmentAttack(
  76,
  'in that start, with a valid grant',
  { ...onRestart, asking: { sts: { by }, ...byKey } },
  {
    ...{ code: 'already_enrolled', facts: precisely({ enrolledAgent: trueAgent.id }) },
  },
);
performedBy(
  76,
  'refused',
  'domain/agent/replacement.test.ts',
  'is refused for a reboot, which opens no start, and for the start in which the agent enrolled',
);

const rebundled = 'is refused where it is bound: an image was made with the key inside';
performedBy(77, 'key_bound_elsewhere', 'app/enrollment/enroll-instance.test.ts', rebundled);
performedBy(
  77,
  'harmless',
  'agent/agent.test.ts',
  'on another instance drops the old identity: an image was made of the disk',
);

allOf('Accounts, Regions, partitions', 'Freshness and replay', 'Concurrent enrollments');
