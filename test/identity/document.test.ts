import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/domain/problems.ts';
import { parseDocument } from '#shared/identity/document.ts';
import { document } from './object-parts.ts';
import { ofKind, refusal, vectors } from './vectors.ts';

const members: Record<string, unknown> = JSON.parse(document);

function parse(changes: Record<string, unknown>) {
  return parseDocument(Buffer.from(JSON.stringify({ ...members, ...changes })));
}

/** The member that is refused when it has this value. */
function refusedMember(changes: Record<string, unknown>): unknown {
  const { code, facts } = refusal(() => parse(changes));
  expect(code).toBe('malformed_document');
  return facts.member;
}

describe('parseDocument', () => {
  it.each(vectors)(
    'reads the genuine document of $instanceId',
    ({ document, accountId, region, instanceId, pendingTime }) => {
      expect(parseDocument(Buffer.from(document))).toMatchObject({ accountId, region, instanceId, pendingTime });
    },
  );

  it('reads every member', () => {
    expect(parseDocument(Buffer.from(ofKind('rsa2048')[2]!.document))).toEqual({
      accountId: '189292791360',
      region: 'ap-southeast-2',
      instanceId: 'i-0c5541936caf78c12',
      availabilityZone: 'ap-southeast-2a',
      imageId: 'ami-0cbde744623b7506b',
      instanceType: 't4g.small',
      architecture: 'arm64',
      pendingTime: '2026-02-16T00:38:27Z',
      privateIp: '10.0.1.242',
    });
  });

  it('lets new members come and product codes be lists', () => {
    const grown = { marketplaceProductCodes: ['abc'], billingProducts: null, nitroCards: { count: 2 } };
    expect(parse(grown)).toEqual(parseDocument(Buffer.from(document)));
  });

  it.each(['us-east-1-wl1-bos-wlz-1', 'us-east-1-bos-1a', 'us-east-1f'])('knows the zone %s', (availabilityZone) => {
    expect(parse({ availabilityZone }).availabilityZone).toBe(availabilityZone);
  });

  it.each([null, '10.0.0.7', '2600:1f18::7'])('knows the private address %s', (privateIp) => {
    expect(parse({ privateIp }).privateIp).toBe(privateIp);
  });

  it('takes a missing private address for none', () => {
    expect(parse({ privateIp: undefined }).privateIp).toBeNull();
  });

  it.each([
    [
      'accountId',
      [
        123456789012,
        '12345678901',
        '1234567890123',
        ' 111122223333',
        '111122223333\n',
        '１１１１２２２２３３３３',
        null,
        undefined,
      ],
    ],
    [
      'instanceId',
      [
        'i-0123456789ABCDEF0',
        'i-123',
        'i-0123456789abcdef0\n',
        'i-0123456789abcdef0#facts',
        'i-0123456/',
        `i-${'0'.repeat(200)}`,
        '',
      ],
    ],
    ['region', ['US-EAST-1', 'us-east-1.evil.example', 'us-east-1/', '../us-east-1', 'us', '', 7]],
    ['availabilityZone', ['us-east-1', 'us-east-2a', 'us-east-1A', 'us-east-1-', 'us-east-11', 'us-east-1a#']],
    ['imageId', ['ami-', 'i-0123456789abcdef0', 'ami-0123456789abcdef0 ', null]],
    ['instanceType', ['t4g', 't4g.small\n', 't4g .small', '']],
    ['architecture', ['arm 64', '', 64]],
    [
      'pendingTime',
      [
        '2026-11-02T10:00:05+00:00',
        '2026-11-02T10:00:05',
        '2026-02-30T10:00:05Z',
        '2026-11-02T24:00:00Z',
        '2026-11-02T10:00:60Z',
        '0000-11-02T10:00:05Z',
        '2026-11-02T10:00:05.5Z',
        1762077605,
      ],
    ],
    ['privateIp', ['10.0.0', '10.0.0.7/24', 'fe80::1%eth0', 'localhost', 167772167, '']],
  ])('refuses other forms of %s', (member, values) => {
    expect(values.map((value) => refusedMember({ [member]: value }))).toEqual(values.map(() => member));
  });

  it.each([
    ['a list', '[]'],
    ['a text', '"document"'],
    ['null', 'null'],
    ['nothing', ''],
    ['text after the object', `${document}{}`],
    ['a byte order mark', `\uFEFF${document}`],
    ['a member twice', document.replace('{', '{"instanceId":"i-0000000000000000a",')],
    ['a member named __proto__', document.replace('{', '{"__proto__":{"a":1},')],
    ['over four thousand bytes', document.replace('{', `{${' '.repeat(4096)}`)],
  ])('refuses %s', (_, text) => {
    expect(refusal(() => parseDocument(Buffer.from(text))).code).toBe('malformed_document');
  });

  it('ends in a document or a Problem for any JSON in any member', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(members)), fc.jsonValue(), (member, value) => {
        expect(outcome({ [member]: value })).toMatch(/^(accepted|malformed_document)$/);
      }),
    );
  });
});

function outcome(changes: Record<string, unknown>): string {
  try {
    parse(changes);
    return 'accepted';
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}
