import { accounts } from './attacks/accounts.ts';
import { afterwards } from './attacks/afterwards.ts';
import { agentKey } from './attacks/agent-key.ts';
import type { Attack, Section } from './attacks/attack.ts';
import { document } from './attacks/document.ts';
import { ec2 } from './attacks/ec2.ts';
import { envelope } from './attacks/envelope.ts';
import { floods } from './attacks/floods.ts';
import { freshness } from './attacks/freshness.ts';
import { grants } from './attacks/grants.ts';
import { races } from './attacks/races.ts';
import { signature } from './attacks/signature.ts';
import { signedObject } from './attacks/signed-object.ts';
import { sts } from './attacks/sts.ts';

/** The attacks that were collected from other systems' enrollment, and Muster's answer to each. A number stays with its attack. */
export const sections: readonly Section[] = [
  envelope,
  agentKey,
  signedObject,
  signature,
  document,
  accounts,
  freshness,
  races,
  sts,
  ec2,
  grants,
  floods,
  afterwards,
];

export const attacks: readonly Attack[] = sections.flatMap((section) => section.attacks);

/** How an `rsa2048` proof may differ from AWS's own and still be accepted. The fuzz test counts every other difference as a wrong acceptance. */
export const freedoms = {
  lengths: {
    what: 'A container outside the SignerInfo gives its length, or ends with end-of-contents bytes.',
    why: 'Both say where it ends. In the SignerInfo, and in everything that is signed there, Muster accepts only containers that give their length.',
  },
  pieces: {
    what: 'The content is one string, or one level of up to sixteen pieces, none of them empty.',
    why: 'The signed digest covers the joined bytes, and Muster parses those.',
  },
  nulls: {
    what: 'SHA-256 is named with or without NULL: in `digestAlgorithms`, and in a SignerInfo that does not protect its algorithms.',
    why: 'RFC 5754 section 2 asks parsers to accept both. Both name the same digest, and Muster computes no other.',
  },
  names: {
    what: 'RSA with SHA-256 is called `rsaEncryption` or `sha256WithRSAEncryption` in a SignerInfo that does not protect its algorithms.',
    why: 'RFC 5754 section 3.2 has both. The pinned key, not the name, decides how Muster verifies.',
  },
  lines: {
    what: 'The base64 has line breaks, LF or CRLF, anywhere.',
    why: 'Muster removes them first. What remains must be the canonical base64 of its bytes.',
  },
  copy: {
    what: 'The document is sent beside the object, or is not.',
    why: 'It must equal the content byte for byte, and Muster does not parse it.',
  },
} as const;
