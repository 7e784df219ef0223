import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCallerIdentity, readStsError, requireCaller } from '#shared/identity/sts-answer.ts';
import { claim, purpose, stsSetup } from './sts-setup.ts';
import { refusal, refusalOf } from './vectors.ts';

const arn = `arn:aws:sts::${claim.account}:assumed-role/aws:ec2-instance/${claim.instanceId}`;
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const answer = (result: object) => ({
  GetCallerIdentityResponse: {
    GetCallerIdentityResult: { Account: claim.account, Arn: arn, UserId: 'x', ...result },
    ResponseMetadata: { RequestId: '3b80a99b-7df8-4bcb-96ee-b2759878a5f2' },
  },
});
const read = (value: unknown, region = 'us-east-1') => readCallerIdentity(bytes(value), region);

describe('readCallerIdentity', () => {
  it.each([
    ['us-east-1', `arn:aws:sts::${claim.account}:assumed-role/aws:ec2-instance/${claim.instanceId}`],
    ['us-east-1', `arn:aws:iam::${claim.account}:assumed-role/aws:ec2-instance/${claim.instanceId}`],
    ['cn-north-1', `arn:aws-cn:sts::${claim.account}:assumed-role/aws:ec2-instance/${claim.instanceId}`],
    ['us-gov-east-1', `arn:aws-us-gov:sts::${claim.account}:assumed-role/aws:ec2-instance/${claim.instanceId}`],
    ['eusc-de-east-1', `arn:aws-eusc:sts::${claim.account}:assumed-role/aws:ec2-instance/${claim.instanceId}`],
  ])('reads an instance of %s from %s', (region, Arn) => {
    expect(read(answer({ Arn }), region)).toEqual(claim);
  });

  it('reads an id of eight digits', () => {
    const Arn = arn.replace(claim.instanceId, 'i-01234567');
    expect(read(answer({ Arn })).instanceId).toBe('i-01234567');
  });

  const account = claim.account;
  const { instanceId } = claim;
  it.each([
    ['an ordinary role with that session', `arn:aws:sts::${account}:assumed-role/web/${instanceId}`],
    ['a role that looks alike', `arn:aws:sts::${account}:assumed-role/aws-ec2-instance/${instanceId}`],
    ['a role that begins alike', `arn:aws:sts::${account}:assumed-role/aws:ec2-instances/${instanceId}`],
    ['a role of another path', `arn:aws:sts::${account}:assumed-role/x/aws:ec2-instance/${instanceId}`],
    ['a role in other letters', `arn:aws:sts::${account}:assumed-role/AWS:EC2-Instance/${instanceId}`],
    ['another reserved role', `arn:aws:sts::${account}:assumed-role/aws:ssm-instance/${instanceId}`],
    ['the role itself', `arn:aws:iam::${account}:role/aws:ec2-instance`],
    ['a user', `arn:aws:iam::${account}:user/${instanceId}`],
    ['the root user', `arn:aws:iam::${account}:root`],
    ['a federated user', `arn:aws:sts::${account}:federated-user/${instanceId}`],
    ['another service', `arn:aws:ec2::${account}:assumed-role/aws:ec2-instance/${instanceId}`],
    ['a Region in the ARN', `arn:aws:sts:us-east-1:${account}:assumed-role/aws:ec2-instance/${instanceId}`],
    ['another partition', `arn:aws-cn:sts::${account}:assumed-role/aws:ec2-instance/${instanceId}`],
    ['no partition', `arn::sts::${account}:assumed-role/aws:ec2-instance/${instanceId}`],
    ['a path behind it', `${arn}/x`],
    ['a line break behind it', `${arn}\n`],
    ['something before it', ` ${arn}`],
    ['an id in capitals', arn.toUpperCase().replace('ARN:AWS:STS', 'arn:aws:sts')],
    ['an id that is too short', arn.slice(0, -1)],
    ['an id that is too long', `${arn}0`],
    ['an account of 11 digits', arn.replace(account, account.slice(1))],
    ['nothing', ''],
  ])('takes no other caller for an instance: %s (attack 84)', (_case, Arn) => {
    const { code, facts } = refusal(() => read(answer({ Arn })));
    expect([code, facts]).toEqual(['sts_not_instance_role', { caller: Arn.replace(/[^\x21-\x7e]/g, '?') }]);
  });

  it('tells no more of a caller than a log line can bear', () => {
    const { facts } = refusal(() => read(answer({ Arn: `arn:\u001b[31m\n${'é'.repeat(3000)}` })));
    expect(facts.caller).toMatch(/^arn:\?\[31m\?{247}$/);
  });

  it.each([
    ['XML where JSON was asked', 'JSON', '<GetCallerIdentityResponse/>'],
    ['nothing', 'JSON', ''],
    ['a list', 'GetCallerIdentityResponse', '[]'],
    ['null', 'GetCallerIdentityResponse', 'null'],
    ['no result', 'GetCallerIdentityResult', { GetCallerIdentityResponse: {} }],
    [
      'a result that is a list',
      'GetCallerIdentityResult',
      { GetCallerIdentityResponse: { GetCallerIdentityResult: [] } },
    ],
    ['the result alone', 'GetCallerIdentityResponse', { Account: claim.account, Arn: arn }],
    ['an error', 'GetCallerIdentityResponse', { Error: { Code: 'ExpiredToken' } }],
    ['an Account that is a number', 'Account or Arn', answer({ Account: 111122223333 })],
    ['no Account', 'Account or Arn', answer({ Account: undefined })],
    ['an Arn that is a list', 'Account or Arn', answer({ Arn: [arn] })],
    ['no Arn', 'Account or Arn', answer({ Arn: undefined })],
    ['another Account than the Arn has', 'Account', answer({ Account: '444455556666' })],
    ['an Account with a blank', 'Account', answer({ Account: `${claim.account} ` })],
    ['text behind it', 'JSON', `${JSON.stringify(answer({}))}x`],
    ['a byte order mark', 'JSON', `\uFEFF${JSON.stringify(answer({}))}`],
    ['two Arns', 'JSON', JSON.stringify(answer({})).replace('"Arn"', '"Arn":"x","Arn"')],
    ['two Arns, one escaped', 'JSON', JSON.stringify(answer({})).replace('"Arn"', '"\\u0041rn":"x","Arn"')],
    ['two results', 'JSON', JSON.stringify(answer({})).replace('{"Get', '{"GetCallerIdentityResponse":{},"Get')],
    ['a __proto__', 'JSON', JSON.stringify(answer({})).replace('"Arn"', '"__proto__":{},"Arn"')],
  ])('takes nothing for an answer that has %s (attack 83)', (_case, where, value) => {
    const { code, facts } = refusal(() => read(value));
    expect([code, facts]).toEqual(['sts_unavailable', { reason: 'malformed', where }]);
  });

  it('takes no invalid UTF-8', () => {
    const json = bytes(answer({}));
    json[json.indexOf('"x"') + 1] = 0xff;
    expect(refusal(() => readCallerIdentity(json, 'us-east-1')).code).toBe('sts_unavailable');
  });

  it('ends in a caller or a Problem for any JSON anywhere', () => {
    fc.assert(
      fc.property(fc.constantFrom('Account', 'Arn'), fc.jsonValue(), (name, value) => {
        expect(refusal(() => read(answer({ [name]: value }))).code).toMatch(/^sts_(unavailable|not_instance_role)$/);
      }),
    );
  });
});

describe('the caller', () => {
  it('is the instance that the document speaks of', () => {
    expect(() => requireCaller(claim, { ...claim })).not.toThrow();
  });

  it.each([
    ['another instance', { ...claim, instanceId: 'i-0fedcba9876543210' }],
    ['the same id in another account', { ...claim, account: '444455556666' }],
  ])('may not be %s (attack 85)', async (_case, other) => {
    const { sts, sign, ask } = stsSetup();
    const caller = await ask(sign({}, sts.instanceCredentials({ ...other, region: purpose.region })));
    expect(caller).toEqual(other);
    const { code, facts } = refusal(() => requireCaller(caller, claim));
    expect([code, facts]).toEqual([
      'sts_other_instance',
      { caller: `${other.account}/${other.instanceId}`, document: `${claim.account}/${claim.instanceId}` },
    ]);
  });

  it('may not be a role whose session somebody named like the instance (attack 84)', async () => {
    const { sts, sign, ask } = stsSetup();
    const session = { ...purpose, account: claim.account, role: 'web', session: claim.instanceId };
    const { code, facts } = await refusalOf(() => ask(sign({}, sts.assumeRole(session))));
    const caller = `arn:aws:sts::${claim.account}:assumed-role/web/${claim.instanceId}`;
    expect([code, facts]).toEqual(['sts_not_instance_role', { caller }]);
    expect(() => sts.assumeRole({ ...session, role: 'aws:ec2-instance' })).toThrow('IAM takes no role');
  });
});

describe('readStsError', () => {
  const error = (Code: unknown, Message: unknown = 'no') =>
    readStsError(bytes({ Error: { Code, Message, Type: 'Sender' }, RequestId: 'r1' }));

  it.each([
    ...['InvalidClientTokenId', 'SignatureDoesNotMatch', 'ExpiredToken', 'AccessDenied', 'MissingAuthenticationToken'],
    ...['IncompleteSignature', 'InvalidAction', 'RegionDisabledException'],
  ])('is a refusal for %s', (code) => {
    const problem = error(code);
    expect([problem.code, problem.facts]).toEqual(['sts_refused', { stsCode: code }]);
  });

  it.each(['Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'ServiceUnavailable', 'InternalFailure'])(
    'is none for %s: the agent comes back',
    (code) => {
      const problem = error(code);
      expect([problem.code, problem.facts]).toEqual(['sts_unavailable', { reason: 'busy', stsCode: code }]);
    },
  );

  it.each([
    ['SignatureDoesNotMatch', 'Signature expired: 20261126T094400Z is now earlier than 20261126T094500Z'],
    ['SignatureDoesNotMatch', 'Signature not yet current: 20261126T101600Z is still later than 20261126T101500Z'],
    ['RequestExpired', 'Request has expired.'],
  ])('is about the clock for %s: %s (attack 86)', (code, message) => {
    const problem = error(code, message);
    expect([problem.code, problem.facts]).toEqual(['clock_skew', { stsCode: code }]);
  });

  it.each([
    ['a code with a line break', { Error: { Code: 'a\nb' } }],
    ['a code of 65 letters', { Error: { Code: 'a'.repeat(65) } }],
    ['a code that is an object', { Error: { Code: {} } }],
    ['two codes', '{"Error":{"Code":"Throttling","Code":"AccessDenied"}}'],
    ['no error', {}],
    ['a proxy’s page', '<html>Forbidden</html>'],
    ['a message that API Gateway gives', { message: 'Forbidden' }],
  ])('takes nothing for a refusal of STS’s that has %s', (_case, value) => {
    const problem = readStsError(bytes(value));
    expect([problem.code, problem.facts]).toEqual(['sts_unavailable', { reason: 'malformed', where: 'Error' }]);
  });
});
