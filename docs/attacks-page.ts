import { type Attack, freedoms, layers, type Section, sections } from './attacks.ts';
import { code, madeFrom, page, table } from './markdown.ts';

/** docs/attacks.md: what each known attack on an enrollment comes to. */
export function attacksPage(): string {
  return page(
    madeFrom('docs/attacks.ts'),
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

const introduction = `Every attack on an enrollment that was found by reading how other systems do it and where they failed, and what it comes to
here. Each has a test of its number in [test/identity/attacks](../test/identity/attacks) that performs it and compares code and facts. How
an enrollment is checked, and in which order, is in [identity.md](identity.md).

An answer is a code of [api.md](api.md#problems), or the reason why it is harmless. Nothing is bound by a request that is refused. Where
there are several codes, the attack has several forms. ${code('refused')} and ${code('retry')} are what somebody without a valid grant is told; the log
has the reason under the reference.`;

const whatMayDiffer = `A signature can be written in more than one way. These are all the ways in which an ${code('rsa2048')} proof may differ from AWS's own
and be accepted; the result is the same. An ${code('iid-rsa')} proof has the line breaks alone. Muster keeps nothing by the bytes of a
proof, so a second spelling gains nothing.`;

const fuzzing = `${code('npm run fuzz -- --mutations 10000000')} changes genuine and test-made proofs at random and fails if one is accepted that differs in
any other way, or ends in anything but a code. It prints its seed; ${code('--seed')} repeats a run. [test/identity/fuzz](../test/identity/fuzz) does a
little of that at every run of the tests, and changes every bit and every element of the genuine ones.`;

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
