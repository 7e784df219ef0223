import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAmzDate, type StsPurpose, stsHosts } from '#protocol/sts.ts';
import { stsHostOf } from '#shared/identity/sts-hosts.ts';
import { buildCallerIdentityRequest, parseAmzDate, requireFreshDate } from '#shared/identity/sts-request.ts';
import { authorizationOf } from '../cli/signature.ts';
import { claim, now, purpose, stsSetup } from './sts-setup.ts';
import { refusal, refusalOf } from './vectors.ts';

const { credentials, sign } = stsSetup();
const regions = [...stsHosts.keys()];

/** The same request, signed by AWS's own SDK. */
async function signedBySdk(changes: Partial<StsPurpose> & { body?: string; headers?: Record<string, string> } = {}) {
  const { body = 'Action=GetCallerIdentity&Version=2011-06-15', headers = {}, ...other } = changes;
  const { region, aud, jkt, jti } = { ...purpose, ...other };
  const service = { service: 'sts', region, credentials, sha256: Sha256, applyChecksum: false };
  const { host } = stsHostOf(region);
  const signed = await new SignatureV4(service).sign(
    {
      ...{ method: 'POST', protocol: 'https:', hostname: host, path: '/', body },
      headers: {
        ...{ host, 'content-type': 'application/x-www-form-urlencoded' },
        ...{ 'x-muster-aud': aud, 'x-muster-jkt': jkt, 'x-muster-jti': jti },
        ...headers,
      },
    },
    { signingDate: now },
  );
  return signed.headers.authorization ?? '';
}

const signatureIn = (authorization: string) => /Signature=([0-9a-f]{64})$/.exec(authorization)?.[1] ?? '';

describe('buildCallerIdentityRequest', () => {
  it('writes the whole request (attacks 79, 80, 82)', () => {
    const sts = {
      date: '20261126T100000Z',
      accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
      sessionToken: 'token/+=',
      signature: 'ab'.repeat(32),
    };
    expect(buildCallerIdentityRequest({ ...purpose, sts })).toEqual({
      url: 'https://sts.us-east-1.amazonaws.com/',
      method: 'POST',
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        authorization:
          'AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20261126/us-east-1/sts/aws4_request, ' +
          'SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-muster-aud;x-muster-jkt;x-muster-jti, ' +
          `Signature=${'ab'.repeat(32)}`,
        'content-type': 'application/x-www-form-urlencoded',
        'x-amz-date': '20261126T100000Z',
        'x-amz-security-token': 'token/+=',
        'x-muster-aud': purpose.aud,
        'x-muster-jkt': purpose.jkt,
        'x-muster-jti': purpose.jti,
      },
      body: 'Action=GetCallerIdentity&Version=2011-06-15',
    });
  });

  it.each(regions)('goes to the host of %s, and is signed for it', (region) => {
    const { url, headers } = buildCallerIdentityRequest({ ...purpose, region, sts: sign({ region }) });
    const { host } = stsHostOf(region);
    const { protocol, hostname, port, pathname, search, username } = new URL(url);
    expect([protocol, hostname, port, pathname, search, username]).toEqual(['https:', host, '', '/', '', '']);
    expect(headers.authorization).toContain(`/20261126/${region}/sts/aws4_request, `);
  });

  it('is made for no Region that the table lacks (attack 78)', () => {
    const region = 'us-east-1.evil.example';
    const { code, facts } = refusal(() => buildCallerIdentityRequest({ ...purpose, region, sts: sign() }));
    expect([code, facts]).toEqual(['sts_unknown_region', { region }]);
  });
});

describe('the agent’s signature', () => {
  it.each(regions)('is the one that AWS’s SDK makes for %s', async (region) => {
    const { headers } = buildCallerIdentityRequest({ ...purpose, region, sts: sign({ region }) });
    expect(headers.authorization).toBe(await signedBySdk({ region }));
  });

  it('is the one that follows from AWS’s description', () => {
    const { url, method, headers, body } = buildCallerIdentityRequest({ ...purpose, sts: sign() });
    const arrived = { method, target: '/', headers: { ...headers, host: new URL(url).host }, body };
    expect(headers.authorization).toBe(authorizationOf(arrived, credentials.secretAccessKey));
  });

  it('agrees with the SDK for any audience, key and id that a request can have', async () => {
    const text = fc.stringMatching(/^[\x21-\x7e]{1,128}$/);
    await fc.assert(
      fc.asyncProperty(text, text, text, fc.constantFrom(...regions), async (aud, jkt, jti, region) => {
        const other = { aud, jkt, jti, region };
        const { headers } = buildCallerIdentityRequest({ ...other, sts: sign(other) });
        expect(headers.authorization).toBe(await signedBySdk(other));
      }),
    );
  });
});

describe('a signature that STS is asked about', () => {
  it('names the instance whose credentials made it', async () => {
    const { sign, ask } = stsSetup();
    expect(await ask(sign())).toEqual(claim);
  });

  it.each([
    ['another audience', { aud: 'https://evil.example' }],
    ['the same audience with a slash', { aud: `${purpose.aud}/` }],
    ['another key', { jkt: 'B'.repeat(43) }],
    ['another request', { jti: 'another' }],
    ['another Region', { region: 'eu-west-1' }],
  ])('is of no use for %s (attacks 78, 81)', async (_case, other) => {
    const { sign, ask } = stsSetup();
    const { code, facts } = await refusalOf(() => ask(sign(other)));
    expect([code, facts]).toEqual(['sts_refused', { stsCode: 'SignatureDoesNotMatch' }]);
  });

  it('is of no use for any other purpose, whatever it is (attack 81)', async () => {
    const { sign, ask } = stsSetup();
    const text = fc.stringMatching(/^[\x21-\x7e]{1,128}$/);
    const signed = { region: fc.constantFrom(...regions), aud: text, jkt: text, jti: text };
    const change = fc
      .record(signed, { requiredKeys: [] })
      .filter((other) => Object.entries(other).some(([name, value]) => value !== purpose[name as keyof StsPurpose]));
    await fc.assert(
      fc.asyncProperty(change, async (other) => {
        const { code, facts } = await refusalOf(() => ask(sign(other)));
        expect([code, facts]).toEqual(['sts_refused', { stsCode: 'SignatureDoesNotMatch' }]);
        expect((await refusalOf(() => ask(sign(), other))).code).toBe('sts_refused');
      }),
    );
  });

  it('is of no use under any other date', async () => {
    const { sign, ask } = stsSetup();
    const minutes15 = 15 * 60_000;
    const offset = fc.integer({ min: -minutes15, max: minutes15 }).filter((ms) => Math.floor(ms / 1000) !== 0);
    await fc.assert(
      fc.asyncProperty(offset, async (ms) => {
        const date = formatAmzDate(new Date(now.getTime() + ms));
        expect((await refusalOf(() => ask({ ...sign(), date }))).facts.stsCode).toBe('SignatureDoesNotMatch');
      }),
    );
  });

  it('is of no use with any digit of it, or any other credentials', async () => {
    const { sign, ask, sts } = stsSetup();
    const good = sign();
    for (let at = 0; at < 64; at++) {
      const digit = good.signature[at] === '0' ? '1' : '0';
      const signature = good.signature.slice(0, at) + digit + good.signature.slice(at + 1);
      expect((await refusalOf(() => ask({ ...good, signature }))).facts.stsCode).toBe('SignatureDoesNotMatch');
    }
    const other = sts.instanceCredentials({ ...claim, instanceId: 'i-0fedcba9876543210', region: purpose.region });
    for (const change of [
      { accessKeyId: other.accessKeyId },
      { sessionToken: other.sessionToken },
      { accessKeyId: 'ASIAIOSFODNN7EXAMPLE' },
    ]) {
      const { code, facts } = await refusalOf(() => ask({ ...good, ...change }));
      expect([code, facts]).toEqual(['sts_refused', { stsCode: 'InvalidClientTokenId' }]);
    }
    const { accessKeyId, sessionToken } = other;
    const swapped = { ...good, accessKeyId, sessionToken };
    expect((await refusalOf(() => ask(swapped))).facts.stsCode).toBe('SignatureDoesNotMatch');
  });

  it.each([
    ['another action', { body: 'Action=GetSessionToken&Version=2011-06-15' }],
    ['another version', { body: 'Action=GetCallerIdentity&Version=2009-03-31' }],
    ['a second parameter', { body: 'Action=GetCallerIdentity&Version=2011-06-15&Action=GetSessionToken' }],
    ['no body, as the form with a query has', { body: '' }],
    ['another content type', { headers: { 'content-type': 'application/json' } }],
    ['a second value of a header', { headers: { 'x-muster-jti': `${purpose.jti}, other` } }],
    ['a header in front', { headers: { accept: 'application/xml' } }],
    ['a header more', { headers: { 'x-muster-other': 'x' } }],
    ['a target', { headers: { 'x-amz-target': 'x' } }],
    ['another host', { headers: { host: 'sts.amazonaws.com' } }],
    ['a host with a port', { headers: { host: 'sts.us-east-1.amazonaws.com:8443' } }],
  ])('is of no use when it was made over %s (attacks 78, 79, 80, 82)', async (_case, changes) => {
    const { sign, ask } = stsSetup();
    expect((await ask({ ...sign(), signature: signatureIn(await signedBySdk()) })).instanceId).toBe(claim.instanceId);
    const signature = signatureIn(await signedBySdk(changes));
    const { code, facts } = await refusalOf(() => ask({ ...sign(), signature }));
    expect([code, facts]).toEqual(['sts_refused', { stsCode: 'SignatureDoesNotMatch' }]);
  });

  it.each([
    'content-type',
    'host',
    'x-amz-date',
    'x-amz-security-token',
    'x-muster-aud',
    'x-muster-jkt',
    'x-muster-jti',
  ])('is of no use when %s was not signed, or was signed twice (attack 80)', async (name) => {
    const { sign, ask } = stsSetup();
    const { url, method, headers, body } = buildCallerIdentityRequest({ ...purpose, sts: sign() });
    const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1] ?? '';
    for (const other of [names.split(';').filter((each) => each !== name), [...names.split(';'), name].sort()]) {
      const authorization = headers.authorization?.replace(names, other.join(';'));
      const arrived = { method, target: '/', headers: { ...headers, host: new URL(url).host, authorization }, body };
      const signature = signatureIn(authorizationOf(arrived, credentials.secretAccessKey));
      expect((await refusalOf(() => ask({ ...sign(), signature }))).facts.stsCode).toBe('SignatureDoesNotMatch');
    }
  });

  it('is of no use once the credentials have ended', async () => {
    const { sign, ask, later, sts, credentials } = stsSetup();
    later(6 * 3_600_000);
    const { code, facts } = await refusalOf(() => ask(sign()));
    expect([code, facts]).toEqual(['sts_refused', { stsCode: 'ExpiredToken' }]);
    const next = sts.instanceCredentials({ ...claim, region: purpose.region });
    expect(next.accessKeyId).not.toBe(credentials.accessKeyId);
    expect(await ask(sign({}, next))).toEqual(claim);
  });
});

describe('requireFreshDate', () => {
  const at = (seconds: number) => ({ ...sign(), date: formatAmzDate(new Date(now.getTime() + seconds * 1000)) });

  it.each([-300, 0, 300])('takes a signature %s seconds off', (seconds) => {
    expect(() => requireFreshDate(at(seconds), now, 300)).not.toThrow();
  });

  it.each([
    [-301, 'behind'],
    [301, 'ahead of'],
    [-900, 'behind'],
    [86_400 * 365, 'ahead of'],
  ])('refuses one %s seconds off, with both times (attack 86)', (seconds, direction) => {
    const { code, facts, message } = refusal(() => requireFreshDate(at(seconds), now, 300));
    const agentTime = new Date(now.getTime() + seconds * 1000).toISOString();
    expect([code, facts]).toEqual([
      'clock_skew',
      { agentTime, serverTime: now.toISOString(), differenceSeconds: seconds },
    ]);
    expect(message).toContain(direction);
  });

  it.each([-16, 16])('is not alone: STS finds %s minutes off too much as well (attack 86)', async (minutes) => {
    const { sign, ask, credentials } = stsSetup();
    const signed = sign({}, credentials, new Date(now.getTime() + minutes * 60_000));
    const { code, facts } = await refusalOf(() => ask(signed));
    expect([code, facts]).toEqual(['clock_skew', { stsCode: 'SignatureDoesNotMatch' }]);
  });
});

describe('a date in SigV4’s form', () => {
  it('is read as it was written', () => {
    const dates = fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(dates, (date) => {
        expect(parseAmzDate(formatAmzDate(date))?.getTime()).toBe(Math.floor(date.getTime() / 1000) * 1000);
      }),
    );
  });

  it.each([
    ...['', '2026-11-26T10:00:00Z', '20261126T100000', '20261126T100000z', '20261126t100000Z', '20261126T1000Z'],
    ...['20261126T100000.5Z', '20260230T100000Z', '20261126T240000Z', '20261126T100060Z', '20261326T100000Z'],
    ...['00001126T100000Z', ' 20261126T100000Z', '20261126T100000Z\n', '２０２６1126T100000Z', '20261126T100000+0000'],
  ])('is none when it is %j', (text) => {
    expect(parseAmzDate(text)).toBeNull();
  });
});
