import type { Anchor } from './anchor-file.ts';
import { type Anchors, anchorsFor } from './anchors.ts';

/** What an operator should hear of a Region's key before agents do. */
export type AnchorWarning =
  /** No key is pinned: nothing can enroll there. */
  | { region: string; warning: 'unknown_region' }
  /** The last known certificate of the pinned key ends within a year, or has ended; the key stays pinned. */
  | { region: string; warning: 'certificate_ending'; notAfter: string };

const yearMs = 365 * 86_400_000;

/** Looks over the keys that the registered Regions need. AWS renews a Region's certificate years ahead; a new key comes with it. */
export function watchAnchors(anchors: Anchors, regions: readonly string[], now: Date): AnchorWarning[] {
  return regions.flatMap((region): AnchorWarning[] => {
    const ends = notAfterOf(anchors, region);
    if (ends === undefined) return [{ region, warning: 'unknown_region' }];
    return Date.parse(ends) - now.getTime() < yearMs ? [{ region, warning: 'certificate_ending', notAfter: ends }] : [];
  });
}

function notAfterOf(anchors: Anchors, region: string): string | undefined {
  try {
    return anchorsFor(anchors, region, 'rsa2048')
      .map(({ notAfter }: Anchor) => notAfter)
      .sort()[0];
  } catch {
    return undefined;
  }
}
