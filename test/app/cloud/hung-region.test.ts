import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { sweepRegion } from '#shared/app/cloud/sweep-region.ts';
import { verifyInstances } from '#shared/app/cloud/verify-instances.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

const account = '111122223333';
const hung = 'eu-west-1';
const listing = '<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>';

/** EC2 in all Regions; one takes every request and answers none. */
async function regions() {
  const asked: string[] = [];
  const server = createServer(({ headers: { authorization = '' } }, response) => {
    const region = authorization.split('/')[2] ?? '';
    asked.push(region);
    if (region !== hung) response.end(listing);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const ec2 = openEc2(account, () => 0, undefined, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    requestHandler: { connectionTimeout: 2000, requestTimeout: 300, throwOnRequestTimeout: true },
    maxAttempts: 1,
  });
  const failures: string[] = [];
  const ports = {
    ...{ ec2, store: createMemoryStore({ timing: defaultTiming }), verify: new KeepingOutbox<VerifyMessage>() },
    ...{ isRegistered: () => true, alarm: () => {}, timing: defaultTiming },
    failed: (_message: VerifyMessage, error: unknown) => failures.push((error as Error).name),
  };
  return { asked, failures, ports };
}

const question = (region: string, nth: number): VerifyMessage => ({
  ...{ account, region, attempt: 0 },
  instanceId: `i-${String(nth).padStart(17, '0')}`,
});

it('a Region that does not answer is asked once, gives its own questions back, and holds up no other', async () => {
  const { asked, failures, ports } = await regions();
  const inHung = [1, 2, 3].map((nth) => question(hung, nth));
  const elsewhere = [question('us-east-1', 4), question('us-west-2', 5)];
  expect(await verifyInstances([...inHung, ...elsewhere], ports)).toEqual(inHung);
  expect(asked.toSorted()).toEqual([hung, 'us-east-1', 'us-west-2']);
  expect(failures).toEqual(['TimeoutError', 'TimeoutError', 'TimeoutError']);
  // The other questions were answered: EC2 shows none of them yet
  expect(ports.verify.messages.map(({ region }) => region).toSorted()).toEqual(['us-east-1', 'us-west-2']);
});

it('a listing that does not come ends its sweep, and says nothing of any record', async () => {
  const { ports } = await regions();
  await expect(sweepRegion(account, hung, ports)).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(await ports.store.getPair(account, hung)).toBeUndefined();
  expect(await sweepRegion(account, 'us-east-1', ports)).toMatchObject({ seen: 0 });
});
