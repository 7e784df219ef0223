import { expect, it } from 'vitest';
import { pageSize, runSweep } from '../../bench/sweep-process.ts';
import { startEc2, startTable } from '../../bench/sweep-region.ts';

it('a sweep of a Region where nothing changed writes the pair alone, and asks as often as there are pages', async () => {
  const now = Date.parse('2026-11-02T10:00:00Z');
  const size = { live: pageSize + 1, dead: 3000 };
  const ec2 = await startEc2(size.live, now - 3 * 3_600_000);
  const table = await startTable({ ...size, ec2Url: ec2.url, now });
  try {
    const { report, requests, pages } = await runSweep({ ec2Url: ec2.url, dynamoUrl: table.url, now });
    expect(report).toMatchObject({ seen: size.live, repaired: 0, withheld: 0, agents: size.live, silent: 0 });
    expect(pages).toBe(2);
    // About 4 MB of records at 1 MB a query, the pair before, and the pair after
    expect(requests).toEqual({ GetItemCommand: 1, QueryCommand: expect.any(Number), PutItemCommand: 1 });
    expect(requests.QueryCommand).toBeLessThanOrEqual(6);
  } finally {
    ec2.stop();
    table.stop();
  }
});
