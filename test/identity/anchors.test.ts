import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readAnchors } from '#shared/identity/anchor-file.ts';
import { anchorsFor, loadAnchors, publicKeyOf, withExtra } from '#shared/identity/anchors.ts';
import { authority } from './object-parts.ts';
import { aws, refusal } from './vectors.ts';

/** AWS's RSA-2048 certificate of me-central-1, from docs.aws.amazon.com/AWSEC2/latest/UserGuide/regions-certs.html */
const certificate = new URL('../fixtures/me-central-1-rsa2048.pem', import.meta.url);

const entry = { kind: 'rsa2048', notAfter: '2195-01-01T00:00:00Z', signers: ['MAA='] };
const spkiOf = (region: string) => anchorsFor(aws, region, 'rsa2048')[0]!.spki;

describe('the bundled anchors', () => {
  it('hold both kinds of key for the 39 Regions that AWS has published', () => {
    const regions = [...new Set([...aws.values()].flat().map(({ region }) => region))];
    expect(regions).toHaveLength(39);
    for (const region of regions) {
      expect(publicKeyOf(anchorsFor(aws, region, 'rsa2048')[0]!).asymmetricKeyDetails?.modulusLength).toBe(2048);
      expect(publicKeyOf(anchorsFor(aws, region, 'rsa')[0]!).asymmetricKeyDetails?.modulusLength).toBe(1024);
    }
  });

  it('hold 39 different keys for rsa2048 and 21 for rsa, seventeen Regions sharing one', () => {
    const all = [...aws.values()].flat();
    const keys = (kind: string) =>
      Map.groupBy(
        all.filter((anchor) => anchor.kind === kind),
        ({ spki }) => spki,
      );
    expect(keys('rsa2048').size).toBe(39);
    expect(keys('rsa').size).toBe(21);
    expect(Math.max(...[...keys('rsa').values()].map((regions) => regions.length))).toBe(17);
  });

  it('are none of them test anchors, and no default', () => {
    expect([...aws.values()].flat().filter(({ test }) => test)).toEqual([]);
    expect(refusal(() => anchorsFor(aws, 'mars-north-1', 'rsa')).code).toBe('unknown_region');
    expect(refusal(() => anchorsFor(aws, 'constructor', 'rsa')).code).toBe('unknown_region');
  });
});

describe('readAnchors', () => {
  it('reads AWS’s certificate as it reads the pinned key made from it', () => {
    const pem = readFileSync(certificate, 'utf8');
    const [anchor] = readAnchors([{ region: 'me-central-1', type: 'rsa2048', pem, sources: ['ignored'] }]);
    const [pinned] = anchorsFor(aws, 'me-central-1', 'rsa2048');
    expect(anchor).toEqual(pinned);
    expect(Buffer.from(anchor!.signers[0]!, 'base64').toString('hex').toUpperCase()).toContain(
      new X509Certificate(pem).serialNumber,
    );
  });

  it('makes one anchor of a renewed certificate: both names, the later date', () => {
    const renewed = { ...entry, spki: spkiOf('us-east-1'), regions: ['us-east-1'] };
    const later = { ...renewed, signers: ['MAEA'], notAfter: '2196-01-01T00:00:00Z' };
    expect(readAnchors([renewed, later])).toEqual([
      {
        region: 'us-east-1',
        kind: 'rsa2048',
        spki: renewed.spki,
        signers: ['MAA=', 'MAEA'],
        notAfter: later.notAfter,
        test: false,
      },
    ]);
  });

  it.each([
    ['no list', {}],
    ['a certificate that is none', [{ region: 'us-east-1', type: 'rsa', pem: 'x' }]],
    ['a Region that is none', [{ ...entry, spki: spkiOf('us-east-1'), regions: ['US EAST'] }]],
    ['no Region', [{ ...entry, spki: spkiOf('us-east-1'), regions: [] }]],
    ['another kind', [{ ...entry, kind: 'dsa', spki: spkiOf('us-east-1'), regions: ['us-east-1'] }]],
    ['a key of another kind', [{ ...entry, kind: 'rsa', spki: spkiOf('us-east-1'), regions: ['us-east-1'] }]],
    ['a key with bytes too many', [{ ...entry, spki: `${spkiOf('us-east-1')}AAAA`, regions: ['us-east-1'] }]],
    ['an end date that is none', [{ ...entry, spki: spkiOf('us-east-1'), regions: ['us-east-1'], notAfter: 'never' }]],
    ['a member too many', [{ ...entry, spki: spkiOf('us-east-1'), regions: ['us-east-1'], trusted: true }]],
    [
      'two keys for one place',
      ['us-east-1', 'us-east-2'].map((region) => ({ ...entry, spki: spkiOf(region), regions: ['xx-new-1'] })),
    ],
  ])('refuses %s', (_, json) => {
    expect(refusal(() => readAnchors(json)).code).toBe('unusable_anchors');
  });
});

describe('loadAnchors', () => {
  const extra = (region: string, key: string) => [{ ...entry, regions: [region], spki: spkiOf(key) }];

  it('adds a Region that the bundled file lacks', () => {
    expect(anchorsFor(loadAnchors({ extra: extra('xx-new-1', 'us-east-2') }), 'xx-new-1', 'rsa2048')).toHaveLength(1);
  });

  it('replaces no pinned key', () => {
    expect(refusal(() => loadAnchors({ extra: extra('us-east-1', 'us-east-2') })).code).toBe('unusable_anchors');
  });

  it('takes a renewed certificate’s name for a pinned key, and nothing else of it', () => {
    const [pinned] = anchorsFor(aws, 'us-east-1', 'rsa2048');
    const renewed = extra('us-east-1', 'us-east-1').map((entry) => ({ ...entry, notAfter: '2196-01-01T00:00:00Z' }));
    expect(anchorsFor(loadAnchors({ extra: renewed }), 'us-east-1', 'rsa2048')).toEqual([
      { ...pinned, signers: [...pinned!.signers, ...entry.signers] },
    ]);
  });

  it('takes no test anchor for a real one', () => {
    expect(refusal(() => loadAnchors({ extra: authority.anchors })).code).toBe('unusable_anchors');
    expect(refusal(() => withExtra(aws, readAnchors(authority.anchors))).code).toBe('unusable_anchors');
    const ofNewRegion = extra('xx-new-1', 'us-east-2').map((anchor) => ({ ...anchor, test: true }));
    expect(refusal(() => withExtra(aws, readAnchors(ofNewRegion))).code).toBe('unusable_anchors');
  });

  it.each(['http://127.0.0.1:4566', 'http://127.8.0.1', 'https://localhost:1', 'http://[::1]:8000'])(
    'loads test anchors where EC2 is at %s',
    (ec2Endpoint) => {
      const anchors = loadAnchors({ test: authority.anchors, ec2Endpoint });
      expect(anchorsFor(anchors, 'us-east-1', 'rsa2048').map(({ test }) => test)).toEqual([false, true]);
    },
  );

  it.each([
    undefined,
    '',
    'https://ec2.us-east-1.amazonaws.com',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1@evil.example',
    'http://evil.example/127.0.0.1',
    'http://128.0.0.1',
    'http://[::2]',
    '127.0.0.1',
  ])('refuses test anchors where EC2 is at %s', (ec2Endpoint) => {
    expect(refusal(() => loadAnchors({ test: authority.anchors, ec2Endpoint })).code).toBe('unusable_anchors');
  });
});
