import { type Attack, layers, type Section } from './attacks/attack.ts';
import { freedoms, sections } from './attacks.ts';
import { code, madeFrom, page, table } from './markdown.ts';

/** docs/attacks.md: each known attack on an enrollment, and Muster's answer. */
export function attacksPage(): string {
  return page(
    madeFrom('docs/attacks/'),
    '# Attacks',
    introduction,
    ...sections.flatMap(sectionParts),
    '## What may differ',
    whatMayDiffer,
    table(
      ['What differs', 'Why that is harmless'],
      Object.values(freedoms).map(({ what, why }) => [what, why]),
    ),
    fuzzing,
  );
}

const introduction = `This page lists the attacks on an enrollment that are known from other systems, and Muster's answer to each. For each attack, a test with
its number in [test/identity/attacks](../test/identity/attacks) performs it and compares code and facts. What Muster checks, and in which
order, is in [identity.md](identity.md).

An answer is a code of [api.md](api.md#problems), or the reason why the attack does no harm. A request that is refused binds no key. If a row
has several codes, the attack has several variants. An agent without a valid grant gets only ${code('refused')} or ${code('retry')}; the log
has the true reason under the reference.`;

const whatMayDiffer = `A signature can be encoded in more than one way. The table lists every way in which an ${code('rsa2048')} proof may differ from AWS's own
and still be accepted, with the same result. For an ${code('iid-rsa')} proof only the line breaks may differ. Muster uses the bytes of a proof
as no key of a record, so an attacker gains nothing with a second encoding.`;

const fuzzing = `${code('npm run fuzz -- --mutations 10000000')} changes genuine proofs and proofs made by tests at random. It fails if Muster accepts a proof that differs in
any other way, or answers with anything but a code. It prints its seed; ${code('--seed')} repeats a run. [test/identity/fuzz](../test/identity/fuzz) does a
small part of this in every test run, and also changes every bit and every element of the genuine proofs.`;

const sectionParts = ({ title, attacks }: Section): string[] => [
  `## ${title}`,
  table(
    ['No.', 'Attack', 'Answer', 'By'],
    attacks.map((attack) => [String(attack.number), attack.attack, answerTo(attack), layerOf(attack)]),
  ),
];

/** The cell that says what comes of an attack. */
function answerTo({ codes, harmless }: Attack): string {
  const parts = [
    ...(codes.length > 0 ? [codes.map(code).join(', ')] : []),
    ...(harmless ? [`harmless: ${harmless}`] : []),
  ];
  return parts.join('; ');
}

function layerOf({ layer }: Attack): string {
  const [name, file] = layers[layer];
  return `[${name}](../${file})`;
}
