import { DescribeInstancesCommand, DescribeVpcsCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { account, oneInstance, regionName, startLab } from './lab.ts';

const authorization = `AWS4-HMAC-SHA256 Credential=${account}/20261102/${regionName}/ec2/aws4_request, SignedHeaders=host, Signature=0`;
const form = { 'content-type': 'application/x-www-form-urlencoded' };

async function post(url: string, body: string, headers: Record<string, string>) {
  const response = await fetch(url, { method: 'POST', body, headers });
  const { Response } = new XMLParser().parse(await response.text()) as {
    Response?: { Errors: { Error: { Code: string; Message: string } }; RequestID: string };
  };
  return { status: response.status, code: Response?.Errors.Error.Code, requestId: Response?.RequestID };
}

describe('the EC2 endpoint', () => {
  it('takes an access key id of twelve digits for the account and any other for the default account', async () => {
    const { clientOf, region } = await startLab();
    await clientOf('444455556666', 'eu-west-1').send(new RunInstancesCommand(oneInstance));
    await clientOf('AKIAIOSFODNN7EXAMPLE', 'eu-west-1').send(new RunInstancesCommand(oneInstance));
    expect(region.truth().map((i) => [i.account, i.region])).toEqual([
      ['444455556666', 'eu-west-1'],
      [account, 'eu-west-1'],
    ]);
  });

  it('refuses what it does not simulate instead of pretending', async () => {
    const { ec2 } = await startLab();
    await expect(ec2.send(new DescribeVpcsCommand({}))).rejects.toMatchObject({ name: 'InvalidAction' });
    const request = new RunInstancesCommand({ ...oneInstance, EbsOptimized: true });
    await expect(ec2.send(request)).rejects.toMatchObject({ name: 'UnknownParameter' });
  });

  it('refuses other versions of the API, calls without credentials and calls that are no POSTed form', async () => {
    const { url } = await startLab();
    const body = 'Action=DescribeInstances&Version=2016-11-15';
    expect(await post(url, body, { ...form, authorization })).toMatchObject({ status: 200 });
    expect(await post(url, body.replace('2016', '2006'), { ...form, authorization })).toMatchObject({
      status: 400,
      code: 'InvalidAction',
    });
    expect(await post(url, body, form)).toMatchObject({ status: 401, code: 'AuthFailure' });
    expect(await post(url, body, { authorization, 'content-type': 'text/plain' })).toMatchObject({ status: 400 });
    expect((await fetch(url, { headers: { authorization } })).status).toBe(400);
  });

  it('refuses a body beyond reason and goes on', async () => {
    const { url, ec2 } = await startLab();
    const body = `Action=${'x'.repeat(1_100_000)}`;
    await expect(post(url, body, { ...form, authorization })).resolves.toMatchObject({
      status: 400,
      code: 'MalformedQueryString',
    });
    expect((await ec2.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
  });

  it('names each request', async () => {
    const { url } = await startLab();
    const first = await post(url, 'Action=Nothing', { ...form, authorization });
    const second = await post(url, 'Action=Nothing', { ...form, authorization });
    expect([first.requestId, second.requestId]).toEqual(['request-0', 'request-1']);
  });
});
