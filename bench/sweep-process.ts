import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { query } from '#shared/adapters/dynamo/read.ts';
import { queryOfPair } from '#shared/adapters/dynamo/read-pair.ts';
import { createDynamoStore } from '#shared/adapters/dynamo/store.ts';
import { type SweepReport, sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { type Instant, seconds } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';

export const place = { account: '111122223333', region: 'us-east-1' };
export const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
/** DescribeInstances lists up to 1,000 a page (API_DescribeInstances.html). */
export const pageSize = 1000;
const tableName = 'main';

/** Where the Region and its records are. */
export interface SweepAt {
  ec2Url: string;
  dynamoUrl: string;
  now: Instant;
}

/** What one sweep took. `requests` to DynamoDB by the names of the SDK's commands. */
export interface SweepTook {
  report: SweepReport;
  ms: number;
  requests: Readonly<Record<string, number>>;
  pages: number;
}

/** One sweep with the adapters of AWS. */
export async function runSweep({ ec2Url, dynamoUrl, now }: SweepAt): Promise<SweepTook> {
  const client = new DynamoDBClient({ endpoint: dynamoUrl, region: place.region, credentials });
  const requests: Record<string, number> = {};
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) => {
        requests[commandName] = (requests[commandName] ?? 0) + 1;
        return next(args);
      },
    { step: 'initialize', name: 'countRequests' },
  );
  const ec2 = openEc2(place.account, () => now, undefined, { endpoint: ec2Url, credentials });
  let pages = 0;
  const counting: typeof ec2 = {
    ...ec2,
    async *describePages(account, region) {
      for await (const page of ec2.describePages(account, region)) {
        pages += 1;
        yield page;
      }
    },
  };
  const began = performance.now();
  const report = await sweepRegion(place.account, place.region, {
    store: createDynamoStore({ client, tableName, timing: defaultTiming }),
    ec2: counting,
    verify: { send: async () => {} },
    alarm: (what) => {
      throw new Error(`the sweep raised an alarm: ${what}`);
    },
    timing: defaultTiming,
  });
  client.destroy();
  return { report, ms: performance.now() - began, requests, pages };
}

/** The same pages of both services, read by the SDK and let go: no sweep can do less. */
async function readPages({ ec2Url, dynamoUrl, now }: SweepAt): Promise<{ ms: number }> {
  const client = new DynamoDBClient({ endpoint: dynamoUrl, region: place.region, credentials });
  const ec2 = new EC2Client({ endpoint: ec2Url, region: place.region, credentials });
  const began = performance.now();
  const endedBefore = now - seconds(86_700);
  for await (const _ of query({ client, tableName }, queryOfPair(place.account, place.region, endedBefore)));
  let NextToken: string | undefined;
  do {
    ({ NextToken } = await ec2.send(new DescribeInstancesCommand({ MaxResults: pageSize, NextToken })));
  } while (NextToken);
  return { ms: performance.now() - began };
}

if (import.meta.main) {
  const [what, at = '{}'] = process.argv.slice(2);
  const cpu = process.cpuUsage();
  const took = await (what === 'sweep' ? runSweep : readPages)(JSON.parse(at));
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    JSON.stringify({ ...took, cpuMs: (user + system) / 1000, megabytes: process.resourceUsage().maxRSS / 1024 }),
  );
}
