import { type StsHost, stsHosts } from '#protocol/sts.ts';
import { Problem } from '../domain/problems.ts';

/** The host of STS in a Region. Throws `sts_unknown_region`: there is no default and no global host. */
export function stsHostOf(region: string): StsHost {
  const known = stsHosts.get(region);
  if (known) return known;
  throw new Problem('sts_unknown_region', `No STS host is known for ${region}.`, { region });
}
