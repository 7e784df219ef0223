import { describe, expect, it } from 'vitest';
import { releaseRemoval } from '#shared/app/account/release-removal.ts';
import { start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { operatorSetup, place } from '../operator-setup.ts';

describe('a removal that a sweep withheld', () => {
  it('is released, and says since when it was withheld', async () => {
    const { ports, store } = operatorSetup();
    await store.savePair({ ...place, lastSweepAt: start, withheld: { since: start, released: false } });
    expect(await releaseRemoval('111122223333', 'us-east-1', ports)).toEqual({
      ...{ ...place, withheldSince: '2026-11-02T10:00:00Z', released: true },
    });
    expect(await store.getPair('111122223333', 'us-east-1')).toMatchObject({ withheld: { released: true } });
  });

  it('is not found where none is', async () => {
    const { ports, store } = operatorSetup();
    const missing = { code: 'not_found', facts: place };
    expect(await refusalOf(releaseRemoval('111122223333', 'us-east-1', ports))).toEqual(missing);
    await store.ensurePair('111122223333', 'us-east-1');
    expect(await refusalOf(releaseRemoval('111122223333', 'us-east-1', ports))).toEqual(missing);
  });
});
