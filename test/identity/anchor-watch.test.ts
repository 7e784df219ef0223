import { describe, expect, it } from 'vitest';
import { watchAnchors } from '#shared/identity/anchor-watch.ts';
import { awsAnchors } from '#shared/identity/anchors.ts';

const today = new Date('2026-11-26T00:00:00Z');
const endOf = (region: string) => Date.parse(awsAnchors().get(`rsa2048 ${region}`)![0]!.notAfter);
const dayMs = 86_400_000;

describe('the watch over the keys of registered Regions', () => {
  it('has nothing to say of a Region whose certificate lasts', () => {
    expect(watchAnchors(awsAnchors(), ['us-east-1', 'eu-central-1'], today)).toEqual([]);
  });

  it('names a Region for which no key is pinned', () => {
    const warnings = watchAnchors(awsAnchors(), ['us-east-1', 'mars-north-1'], today);
    expect(warnings).toEqual([{ region: 'mars-north-1', warning: 'unknown_region' }]);
  });

  it('names a Region a year before its certificate ends, and not earlier', () => {
    const at = (days: number) => watchAnchors(awsAnchors(), ['us-east-1'], new Date(endOf('us-east-1') - days * dayMs));
    expect(at(366)).toEqual([]);
    expect(at(364)).toMatchObject([{ region: 'us-east-1', warning: 'certificate_ending' }]);
    expect(at(-1)).toMatchObject([{ region: 'us-east-1', warning: 'certificate_ending' }]);
  });
});
