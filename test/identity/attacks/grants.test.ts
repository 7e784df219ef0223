import { RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect } from 'vitest';
import { MemberAccountError } from '#shared/adapters/aws/member-credentials.ts';
import { verifyInstances } from '#shared/app/cloud/verify-instances.ts';
import { anchorsFor, loadAnchors } from '#shared/identity/anchors.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { ec2Setup, place } from '#test/app/cloud/ec2-setup.ts';
import {
  agentOf,
  bindingChange,
  byKey,
  byLaunch,
  enrollmentSetup,
  here,
  instanceChange,
  keyChange,
  keyId,
  keyScope,
  launchChanges,
  launchId,
  now,
  precisely,
  running,
} from '#test/app/enrollment/enrollment-setup.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { second, start } from '#test/build/records.ts';
import { authority as deployedAuthority } from '#test/fakes/identity.ts';
import { oneInstance } from '#test/local/aws/ec2/lab.ts';
import { aws, now as present, rsa2048Proof, vectors } from '../vectors.ts';
import { allOf, attack, harmless, performedBy } from './attack.ts';
import { enrollmentAttack } from './enrollments.ts';
import { enrollHandler } from './handlers.ts';
import { base64url, good, read, withPayload } from './requests.ts';

const wait = { retryAfterSeconds: 5 };
enrollmentAttack(
  87,
  'alone',
  { records: [] },
  {
    ...{ code: 'retry', facts: { reference: 'ref_1', ...wait }, reason: 'instance_not_described' },
  },
);
enrollmentAttack(
  87,
  'with a valid grant',
  { records: [keyChange()], asking: byKey },
  {
    ...{ code: 'instance_not_described', facts: precisely(wait) },
  },
);

enrollmentAttack(
  87,
  'with a valid grant, long after its start',
  { records: [keyChange()], asking: { ...byKey, now: start + 30 * 60 * second } },
  {
    code: 'enrollment_window_closed',
    facts: precisely({ keyId, pendingTime: '2026-11-02T10:00:00Z', closedAt: '2026-11-02T10:15:00Z' }),
  },
);

const records = [instanceChange(running()), keyChange()];
const started = (seconds: number) => ({
  claim: { ...here, pendingTime: start + seconds * second },
  now: start + 90 * second,
});
enrollmentAttack(
  88,
  'LaunchTime is later',
  { records, asking: { ...started(-61), ...byKey } },
  {
    ...{ code: 'stale_document' },
    facts: precisely({ pendingTime: '2026-11-02T09:58:59Z', startedAt: '2026-11-02T10:00:00Z' }),
  },
);
enrollmentAttack(
  88,
  'LaunchTime is earlier',
  { records, asking: { ...started(61), ...byKey } },
  {
    ...{ code: 'document_from_future' },
    facts: precisely({ pendingTime: '2026-11-02T10:01:01Z', startedAt: '2026-11-02T10:00:00Z', ...wait }),
  },
);

harmless(88, 'image, type, zone or address are others', async () => {
  const setup = await enrollmentSetup(records);
  const told = await setup.store.getFacts(here);
  const others = { imageId: 'ami-0fedcba9876543210', instanceType: 'x2.large', availabilityZone: 'us-east-1f' };
  await setup.store.putFacts({ ...told!, ...others, privateIp: '192.0.2.7' });
  expect(await setup.enroll(byKey)).toMatchObject({ serverId: 'srv_1' });
});

const policies = 'app/enrollment/enroll-policy.test.ts';
performedBy(89, 'attachments_differ', policies, 'is refused with an enrollment key, with what EC2 said: %s');
performedBy(89, 'attachments_differ', policies, 'is refused with a launch’s grant: %s');
const untold = 'is asked about, and the agent with an enrollment key comes back: no refusal lasts';
performedBy(89, 'instance_not_described', policies, untold);
const attachments = 'simulation/pipeline/attachments.test.ts';
performedBy(89, 'attachments_differ', attachments, 'keeps it out with an enrollment key: %s');
performedBy(89, 'attachments_differ', attachments, 'keeps it out with its launch’s grant');

for (const [form, count] of [
  ['another', 2],
  ['two others', 3],
] as const) {
  attack(
    90,
    `about ${form}`,
    async () => {
      const lab = await ec2Setup();
      const request = { ...oneInstance, MinCount: count, MaxCount: count };
      const { Instances = [] } = await lab.ec2.send(new RunInstancesCommand(request));
      const [asked = '', ...others] = Instances.map(({ InstanceId = '' }) => InstanceId);
      const describe = (account: string, region: string) => lab.ports.ec2.describe(account, region, others);
      const question = { ...place, instanceId: asked, attempt: 0 };
      await verifyInstances([question], { ...lab.ports, ec2: { ...lab.ports.ec2, describe } });
      expect(lab.verify.messages).toEqual([{ ...question, attempt: 1 }]);
      await lab.store.commit([keyChange()]);
      const { enroll } = await enrollmentSetup([]);
      return enroll({ ...byKey, claim: { ...question, pendingTime: start } }, { store: lab.store });
    },
    { facts: { instance: expect.stringMatching(/^111122223333/), reference: 'ref_1', ...wait } },
  );
}

const madeAnother = launchChanges({ instances: [{ ...here, instanceId: 'i-0fedcba9876543210' }] });
const other = { launchId, instances: ['111122223333/us-east-1/i-0fedcba9876543210'] };
const tags = { 'muster:launch': launchId, 'muster:server': 'srv_1', Name: `mst-${launchId}` };
const onOther = { records: [instanceChange(running()), ...madeAnother], asking: byLaunch };
enrollmentAttack(91, 'tags', { ...onOther, facts: { tags } }, { facts: precisely(other) });
enrollmentAttack(
  91,
  'a ClientToken of one’s own',
  { ...onOther, facts: { clientToken: `mst-${launchId}` } },
  {
    facts: precisely(other),
  },
);

for (const name of ['MemberAccountMisconfigured', 'MemberAccountUnreachable'] as const) {
  for (const [code, asking, facts] of [
    ['retry', {}, { reference: 'ref_1', ...wait }],
    ['instance_not_described', byKey, precisely(wait)],
  ] as const) {
    const unheard = async () => {
      const { store, enroll } = await enrollmentSetup([keyChange()]);
      const { ports } = await ec2Setup();
      const unanswered = () => Promise.reject(new MemberAccountError(name, 'no role'));
      const ec2 = { ...ports.ec2, describe: unanswered, describeNamed: unanswered };
      const question = { ...here, attempt: 0 };
      expect(await verifyInstances([question], { ...ports, store, ec2 })).toEqual([question]);
      return enroll(asking);
    };
    attack(92, `${name}: ${code}`, unheard, { code, facts });
  }
}
const members = 'adapters/aws/member-credentials.test.ts';
performedBy(92, 'harmless', members, 'costs the other accounts of a batch nothing');
performedBy(92, 'harmless', members, 'is asked again ten seconds later, and believed then');
performedBy(92, 'harmless', members, 'and does not answer is not waited for long');
const throttled =
  'as a throttle does, asks no more of that account and Region, gives all of it back, and answers the others';
performedBy(92, 'harmless', 'app/cloud/verify-instances.test.ts', throttled);

performedBy(93, 'harmless', members, 'and another share nothing');
performedBy(93, 'harmless', members, 'are refused with both accounts’ names, and nothing is asked with them');

enrollmentAttack(94, 'of another server’s launch', onOther, {
  code: 'grant_of_other_instance',
  facts: precisely(other),
});
const surplus = instanceChange(running({ assignment: { launchId, surplusSince: start } }));
enrollmentAttack(
  94,
  'of an older generation',
  { records: [surplus, ...launchChanges()], asking: byLaunch },
  {
    ...{ code: 'ambiguous_launch', facts: precisely({ launchId }) },
  },
);
const first = newAgentKey();
const launched = running({
  agent: agentOf(first),
  management: { status: 'enrolled' },
  assignment: { serverId: 'srv_1', launchId },
});
const enrolled = [instanceChange(launched), bindingChange(first.id), ...launchChanges()];
enrollmentAttack(
  94,
  'by a second key',
  { records: enrolled, asking: byLaunch },
  {
    ...{ code: 'already_enrolled', facts: precisely({ enrolledAgent: first.id }) },
  },
);
const signature = base64url(Buffer.alloc(64, 7));
for (const [form, text] of [
  ['empty', ''],
  ['cut short', signature.slice(0, -4)],
  ['longer', `${signature}AAAA`],
  ['padded', `${signature}=`],
  ['a list', [signature]],
] as const) {
  attack(94, form, () => read(withPayload({ grant: { id: launchId, signature: text } })), {
    ...{ code: 'malformed_request', facts: { member: 'grant.signature' } },
  });
}

performedBy(
  95,
  'grant_used_up',
  'app/enrollment/enroll-races.test.ts',
  'enrolls exactly one of twenty instances that ask at once',
);

const withKey = (fields: Parameters<typeof keyChange>[0]) => ({
  records: [instanceChange(running()), keyChange(fields)],
});
for (const [code, fields, facts] of [
  ['grant_expired', { expiresAt: now - 1 }, { expiresAt: '2026-11-02T10:00:29.999Z' }],
  ['grant_revoked', { revokedAt: start }, { revokedAt: '2026-11-02T10:00:00Z' }],
  ['grant_out_of_scope', keyScope({ accounts: ['999988887777'] }), { scope: 'accounts' }],
  ['grant_out_of_scope', keyScope({ regions: ['eu-west-1'] }), { scope: 'regions' }],
  ['grant_out_of_scope', keyScope({ vpcs: ['vpc-0fedcba9'] }), { scope: 'vpcs' }],
  ['grant_out_of_scope', keyScope({ images: ['ami-0fedcba9876543210'] }), { scope: 'images' }],
] as const) {
  const form = 'scope' in facts ? `${code}: ${facts.scope}` : code;
  enrollmentAttack(96, form, { ...withKey(fields), asking: byKey }, { code, facts: precisely({ keyId, ...facts }) });
  const guessed = { grant: { ...byLaunch.grant, id: keyId } };
  enrollmentAttack(
    96,
    `${form}, without its seed`,
    { ...withKey(fields), asking: guessed },
    {
      ...{ code: 'refused', reason: 'grant_invalid' },
    },
  );
}

const jose = { headers: { 'content-type': 'application/jose' }, body: good, isBase64Encoded: false };
const broken = { code: 'internal', facts: { reference: expect.stringMatching(/^ref_/) } } as const;
for (const [form, environment] of [
  ['no policy', { POLICY: '' }],
  ['a policy that is no JSON', { POLICY: '{' }],
  ['a policy of another shape', { POLICY: '{"proofs":["iid-rsa"]}' }],
  ['a policy that names what there is not', { POLICY: '{"proofKinds":["pkcs7"]}' }],
  ['accounts that are no JSON', { ACCOUNTS: '111122223333' }],
  ['no audience', { AUDIENCES: '' }],
  ['keys that are no JSON', { EXTRA_ANCHORS: 'none' }],
] as const) {
  attack(97, form, async () => (await enrollHandler(environment))(jose), broken);
}
const { spki } = anchorsFor(aws, 'us-east-2', 'rsa2048')[0]!;
const replacing = [{ regions: ['us-east-1'], kind: 'rsa2048', spki, notAfter: '2195-01-01T00:00:00Z' }];
attack(97, 'keys of another shape', async () => (await enrollHandler({ EXTRA_ANCHORS: '{}' }))(jose), {
  ...{ code: 'unusable_anchors', facts: { where: '' } },
});
attack(97, 'a key that replaces a pinned one', () => loadAnchors({ extra: replacing }), {
  ...{ code: 'unusable_anchors', facts: { region: 'us-east-1', kind: 'rsa2048' } },
});
const onAws = { TEST_ANCHORS: JSON.stringify(deployedAuthority.anchors), AWS_ENDPOINT_URL_EC2: '' };
attack(97, 'a test authority’s keys on AWS', async () => (await enrollHandler(onAws))(jose), {
  code: 'unusable_anchors',
});
attack(
  97,
  'no keys',
  () => verifyDocument(rsa2048Proof(vectors.find(({ kind }) => kind === 'rsa2048')!.signature), new Map(), present),
  {
    ...{ code: 'unknown_region', facts: { region: 'us-east-1', kind: 'rsa2048' } },
  },
);
enrollmentAttack(
  97,
  'a policy that names nothing',
  { records, asking: byKey, ports: { allowedProofs: [] } },
  {
    ...{ code: 'proof_not_allowed', facts: precisely({ proof: 'iid-rsa2048', management: 'pending' }) },
  },
);

allOf('What EC2 says', 'Grants and policy');
