import { EC2Client } from '@aws-sdk/client-ec2';
import { onTestFinished } from 'vitest';
import { Ec2Region, type RegionOptions } from '#local/aws/ec2/region.ts';
import { startEc2Server } from '#local/aws/ec2/server.ts';
import type { StateChangeEvent } from '#local/aws/ec2/state-change-event.ts';
import type { RegionClock } from '#local/aws/ec2/world.ts';
import { random } from '#local/random.ts';

export const account = '111122223333';
export const regionName = 'us-east-1';
export const here = { account, region: regionName };
export const startedAt = Date.parse('2026-11-02T10:00:00.250Z');

/** Moves only when told to; what falls due on the way runs at its own moment, in order. */
export class HandClock implements RegionClock {
  private time = startedAt;
  private waiting: { at: number; run: () => void }[] = [];

  now(): Date {
    return new Date(this.time);
  }

  after(ms: number, run: () => void): void {
    this.waiting.push({ at: this.time + ms, run });
  }

  advance(ms: number): void {
    const end = this.time + ms;
    for (let next = this.takeDue(end); next; next = this.takeDue(end)) {
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    this.time = end;
  }

  private takeDue(end: number): { at: number; run: () => void } | undefined {
    const next = this.waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
    this.waiting = this.waiting.filter((entry) => entry !== next);
    return next;
  }
}

const tenSeconds = {
  startMs: [10_000, 10_000],
  stopMs: [10_000, 10_000],
  terminateMs: [10_000, 10_000],
} as const;

/** A region with a clock in hand and a list of what it sent; every transition takes ten seconds. */
export function makeRegion(options: Partial<RegionOptions> = {}) {
  const clock = new HandClock();
  const events: StateChangeEvent[] = [];
  const full: RegionOptions = {
    clock,
    random: random(1),
    timings: tenSeconds,
    onStateChange: (event) => events.push(event),
    ...options,
  };
  return { clock, events, options: full, region: new Ec2Region(full) };
}

/** The same behind its endpoint, with unmodified clients that do not retry. Ends with the test. */
export async function startLab(options: Partial<RegionOptions> = {}) {
  const made = makeRegion(options);
  let requests = 0;
  const server = await startEc2Server({
    region: made.region,
    defaultAccount: account,
    newRequestId: () => `request-${requests++}`,
  });
  const clients: EC2Client[] = [];
  const clientOf = (accessKeyId: string, region: string) => {
    const credentials = { accessKeyId, secretAccessKey: 'unused' };
    const client = new EC2Client({ endpoint: server.url, region, credentials, maxAttempts: 1 });
    clients.push(client);
    return client;
  };
  onTestFinished(async () => {
    for (const client of clients) client.destroy();
    await server.close();
  });
  return { ...made, url: server.url, ec2: clientOf(account, regionName), clientOf };
}

export const oneInstance = {
  MinCount: 1,
  MaxCount: 1,
  ImageId: 'ami-0abcdef1234567890',
  InstanceType: 't3.micro',
} as const;
