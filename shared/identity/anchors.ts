import { createPublicKey, type KeyObject } from 'node:crypto';
import { Problem } from '../domain/problems.ts';
import { type Anchor, type AnchorKind, readAnchors } from './anchor-file.ts';
import generated from './aws-anchors.generated.json' with { type: 'json' };

/** The pinned keys by kind and Region. Two for one place only where a test authority stands beside AWS. */
export type Anchors = ReadonlyMap<string, readonly Anchor[]>;

export interface AnchorSources {
  /** Parsed JSON of an anchor file (anchor-file.ts): Regions that the bundled file lacks. */
  extra?: unknown;
  /** Parsed JSON of an anchor file: a test authority's keys. */
  test?: unknown;
  /** Where this process sends EC2 calls, if not to AWS. */
  ec2Endpoint?: string | undefined;
}

/**
 * AWS's keys plus what the deployment adds. Throws `unusable_anchors` when an extra one would replace a pinned key, and
 * when test anchors are given but EC2 is not on this machine: a test authority must never vouch for a real instance.
 */
export function loadAnchors({ extra = [], test = [], ec2Endpoint }: AnchorSources): Anchors {
  const anchors = withExtra(awsAnchors(), readAnchors(extra));
  const testAnchors = readAnchors(test);
  if (testAnchors.length > 0 && !isLoopback(ec2Endpoint)) {
    throw new Problem('unusable_anchors', 'Test anchors load only where EC2’s endpoint is a loopback address.');
  }
  return withTest(anchors, testAnchors);
}

/** The keys of AWS's published certificates, as bundled. */
export function awsAnchors(): Anchors {
  return withExtra(new Map(), readAnchors(generated));
}

/** Adds Regions; an anchor that is there already stays, and another key for its place is refused as `unusable_anchors`. */
export function withExtra(anchors: Anchors, extra: readonly Anchor[]): Anchors {
  const all = new Map(anchors);
  for (const anchor of extra) {
    if (anchor.test) throw unusable('A test anchor is among the real ones.', anchor);
    const [pinned] = all.get(place(anchor.region, anchor.kind)) ?? [];
    if (pinned && pinned.spki !== anchor.spki) throw unusable('Another key is pinned for this Region already.', anchor);
    // A certificate renewed over the pinned key adds a name for it, and nothing else.
    const signers = [...new Set([...(pinned?.signers ?? []), ...anchor.signers])];
    all.set(place(anchor.region, anchor.kind), [{ ...(pinned ?? anchor), signers }]);
  }
  return all;
}

/** Adds a test authority's keys, beside AWS's where the Region is a real one. Whether that may be is the caller's decision. */
export function withTest(anchors: Anchors, test: readonly Anchor[]): Anchors {
  const all = new Map(anchors);
  for (const anchor of test) {
    const others = all.get(place(anchor.region, anchor.kind)) ?? [];
    all.set(place(anchor.region, anchor.kind), [...others, { ...anchor, test: true }]);
  }
  return all;
}

/** The anchors for one Region and kind, AWS's first; never empty. Throws `unknown_region`: there is no default. */
export function anchorsFor(anchors: Anchors, region: string, kind: AnchorKind): readonly Anchor[] {
  const found = anchors.get(place(region, kind));
  if (!found) throw new Problem('unknown_region', `No ${kind} key is known for ${region}.`, { region, kind });
  return found;
}

const publicKeys = new WeakMap<Anchor, KeyObject>();

/** The anchor's key, made on first use and kept. */
export function publicKeyOf(anchor: Anchor): KeyObject {
  const known = publicKeys.get(anchor);
  if (known) return known;
  const key = createPublicKey({ key: Buffer.from(anchor.spki, 'base64'), format: 'der', type: 'spki' });
  publicKeys.set(anchor, key);
  return key;
}

function isLoopback(endpoint: string | undefined): boolean {
  if (!endpoint || !URL.canParse(endpoint)) return false;
  const { hostname } = new URL(endpoint); // writes every spelling of an IPv4 address in four decimal parts
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function place(region: string, kind: AnchorKind): string {
  return `${kind} ${region}`;
}

function unusable(detail: string, { region, kind }: Anchor): Problem {
  return new Problem('unusable_anchors', detail, { region, kind });
}
