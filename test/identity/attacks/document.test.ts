import { expect } from 'vitest';
import { document } from '../object-parts.ts';
import { allOf, attack, harmless } from './attack.ts';
import { objectHolding, verify } from './objects.ts';

const members: Record<string, unknown> = JSON.parse(document);
/** A document that AWS's stand-in has really signed, whatever it says. */
const claiming = (changes: object) => () =>
  verify(objectHolding(Buffer.from(JSON.stringify({ ...members, ...changes }))));

/** Each value in the place of one member. */
function refuses(number: number, member: string, values: readonly unknown[]): void {
  for (const value of values) {
    attack(number, `${member}: ${JSON.stringify(value)}`, claiming({ [member]: value }), { facts: { member } });
  }
}

const fullWidth = '１１１１２２２２３３３３';
refuses(50, 'accountId', [111122223333, '11112222333', '1111222233334', ' 111122223333', '111122223333\n', fullWidth]);
refuses(50, 'accountId', ['1111-2222-3333', '', '٠١٢٣٤٥٦٧٨٩٠١', ['111122223333']]);

const id = 'i-0123456789abcdef0';
refuses(51, 'instanceId', [
  `${id}#facts`,
  `${id}/../i-1`,
  `${id}\n`,
  ` ${id}`,
  id.toUpperCase(),
  `i-${'0'.repeat(200)}`,
]);
refuses(51, 'instanceId', ['', 'i-', 'i-123', 'i-0123456789abcdefg', 'mi-0123456789abcdef0', `INSTANCE#${id}`, 7]);

refuses(52, 'region', [
  'US-EAST-1',
  'us-east-1.evil.example',
  'us-east-1/',
  '../us-east-1',
  'us-east-1\n',
  'us',
  '',
  'us-east-1#',
]);
refuses(52, 'availabilityZone', [
  'us-east-1',
  'us-east-2a',
  'us-east-1A',
  'us-east-11a',
  'us-east-1-',
  'us-east-1a#',
  'a',
]);
for (const availabilityZone of ['us-east-1f', 'us-east-1-bos-1a', 'us-east-1-wl1-bos-wlz-1']) {
  harmless(52, availabilityZone, () => {
    expect(claiming({ availabilityZone })().document).toMatchObject({ availabilityZone, region: 'us-east-1' });
  });
}

refuses(53, 'pendingTime', [
  '2026-11-02T10:00:05+00:00',
  '2026-11-02T10:00:05+01:00',
  '2026-11-02T10:00:05',
  '2026-11-02',
]);
refuses(53, 'pendingTime', [
  '2026-02-30T10:00:05Z',
  '2025-02-29T10:00:05Z',
  '2026-11-02T24:00:00Z',
  '2026-06-30T23:59:60Z',
]);
refuses(53, 'pendingTime', [
  '0000-11-02T10:00:05Z',
  '+012026-11-02T10:00:05Z',
  '2026-11-02T10:00:05.5Z',
  1_793_613_605,
  'now',
]);

for (const member of [
  'accountId',
  'region',
  'instanceId',
  'availabilityZone',
  'imageId',
  'instanceType',
  'architecture',
  'pendingTime',
]) {
  refuses(54, member, [undefined, null]);
}
harmless(54, 'members that nobody knows', () => {
  const grown = {
    nitro: { count: [1, 2] },
    billingProducts: ['bp-1'],
    marketplaceProductCodes: null,
    ACCOUNTID: '999988887777',
  };
  expect(claiming(grown)().document).toEqual(claiming({})().document);
});

for (const [form, text] of [
  ['a list', `[${document}]`],
  ['a text', JSON.stringify(document)],
  ['a number', '111122223333'],
  ['null', 'null'],
] as const) {
  attack(55, form, () => verify(objectHolding(Buffer.from(text))));
}
for (const rest of ['{}', ',', document, '\u0000', '\n}']) {
  attack(55, `${JSON.stringify(rest.slice(0, 12))} behind`, () => verify(objectHolding(Buffer.from(document + rest))));
}
attack(55, 'a comment', () => verify(objectHolding(Buffer.from(`${document}// ok`))));

refuses(56, 'privateIp', [
  '10.0.0',
  '10.0.0.7/24',
  '10.0.0.256',
  '0x0a000007',
  'fe80::1%eth0',
  'localhost',
  '10.0.0.7\n',
  '',
  7,
]);

allOf('The document');
