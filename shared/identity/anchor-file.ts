import * as z from 'zod/mini';
import { regionPattern } from '#shared/domain/ids.ts';
import { Problem } from '../domain/problems.ts';
import { type PinnedCertificate, pinCertificate } from './certificate.ts';
import { parseRfc3339 } from './timestamp.ts';

/** Which signature a key makes: IMDS's `rsa2048`, or the 1024-bit `signature`. */
export type AnchorKind = 'rsa2048' | 'rsa';

/** A public key that Muster takes for AWS's in one Region, for one kind of signature. */
export interface Anchor {
  region: string;
  kind: AnchorKind;
  /** SubjectPublicKeyInfo, DER in base64. */
  spki: string;
  /** IssuerAndSerialNumber, DER in base64, of every known certificate over this key; a bare `rsa` signature names none. */
  signers: readonly string[];
  /** When the last known certificate ends, RFC 3339 UTC. AWS renews over the same key, so that it only warns. */
  notAfter: string;
  /** Held by a test authority, not by AWS. */
  test: boolean;
}

const region = z.string().check(z.regex(regionPattern));
const base64 = z.string().check(z.regex(/^[A-Za-z0-9+/]+={0,2}$/));

/** The file's own form: one key, the Regions it signs for. */
const pinnedKey = z.strictObject({
  regions: z.array(region).check(z.minLength(1)),
  kind: z.enum(['rsa2048', 'rsa']),
  spki: base64,
  signers: z._default(z.array(base64), []),
  notAfter: z.string().check(z.refine((text) => parseRfc3339(text) !== null)),
  test: z._default(z.boolean(), false),
});

/** What AWS publishes: a certificate per Region. Keys of the refused kind `dsa` are left out. */
const certificate = z.object({ region, type: z.enum(['rsa2048', 'rsa', 'dsa']), pem: z.string() });

const anchorFile = z.array(z.union([pinnedKey, certificate]));

/** How the SubjectPublicKeyInfo of each kind begins: RSA (RFC 8017 appendix A.1), with 2048 and 1024 bits. */
const spkiPrefix = {
  rsa2048: '30820122300d06092a864886f70d01010105000382010f003082010a0282010100',
  rsa: '30819f300d06092a864886f70d010101050003818d0030818902818100',
} as const;
const exponent65537 = '0203010001';

/**
 * Reads an anchor file's parsed JSON: a list of pinned keys or certificates. Certificates over one key make one anchor.
 * Throws `unusable_anchors` for another shape, a key that is not of its kind, or two keys for one Region and kind.
 */
export function readAnchors(json: unknown): Anchor[] {
  const file = anchorFile.safeParse(json);
  if (!file.success)
    throw unusable('The anchors are not of the expected form.', file.error.issues[0]?.path.join('.') ?? '');
  const anchors = new Map<string, Anchor>();
  for (const [index, entry] of file.data.entries()) {
    for (const anchor of 'pem' in entry ? fromCertificate(entry, index) : fromPinnedKey(entry)) {
      const place = `${anchor.kind} ${anchor.region}`;
      const known = anchors.get(place);
      if (known && known.spki !== anchor.spki) throw unusable('Two keys are given for one Region and kind.', place);
      anchors.set(place, known ? merge(known, anchor) : anchor);
    }
  }
  return [...anchors.values()];
}

type PinnedKey = z.infer<typeof pinnedKey>;

function fromPinnedKey({ regions, ...entry }: PinnedKey): Anchor[] {
  requireKey(entry.spki, entry.kind);
  return regions.map((region) => ({ region, ...entry }));
}

function fromCertificate({ region, type, pem }: z.infer<typeof certificate>, index: number): Anchor[] {
  if (type === 'dsa') return [];
  const { spki, signer, notAfter } = readCertificate(pem, index);
  requireKey(spki, type);
  return [{ region, kind: type, spki, signers: type === 'rsa' ? [] : [signer], notAfter, test: false }];
}

function readCertificate(pem: string, index: number): PinnedCertificate {
  try {
    return pinCertificate(pem);
  } catch {
    throw unusable('A certificate cannot be read.', String(index));
  }
}

function requireKey(spki: string, kind: AnchorKind): void {
  const hex = Buffer.from(spki, 'base64').toString('hex');
  const modulusDigits = kind === 'rsa2048' ? 512 : 256;
  const isOfKind = hex.startsWith(spkiPrefix[kind]) && hex.endsWith(exponent65537);
  if (!isOfKind || hex.length !== spkiPrefix[kind].length + modulusDigits + exponent65537.length) {
    throw unusable('A key is not of its kind.', kind);
  }
}

/** A renewed certificate: the same key under one more name, until the later of the two dates. */
function merge(one: Anchor, other: Anchor): Anchor {
  const signers = [...new Set([...one.signers, ...other.signers])];
  const later = Date.parse(one.notAfter) > Date.parse(other.notAfter) ? one : other;
  return { ...later, signers };
}

function unusable(detail: string, where: string): Problem {
  return new Problem('unusable_anchors', detail, { where });
}
