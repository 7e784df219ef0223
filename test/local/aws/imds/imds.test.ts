import { describe, expect, it, onTestFinished } from 'vitest';
import { type ImdsOptions, startImds } from '#local/aws/imds/imds.ts';
import { here, makeRegion, oneInstance } from '../ec2/lab.ts';

const tokenPath = '/latest/api/token';
const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
const tokenHeader = 'x-aws-ec2-metadata-token';

const sign: ImdsOptions['sign'] = (document) => ({
  signature: `signature of ${document.length}`,
  rsa2048: `rsa2048 of ${document.length}`,
  pkcs7: `pkcs7 of ${document.length}`,
});

let tokensMade = 0;

/** A running instance and its metadata service. */
async function startService(launch: object = {}) {
  const lab = makeRegion();
  const MetadataOptions = { HttpTokens: 'required' as const };
  const { Instances } = lab.region.runInstances(here, { ...oneInstance, MetadataOptions, ...launch });
  const key = { ...here, instanceId: Instances![0]!.InstanceId! };
  lab.clock.advance(10_000);
  const service = await startImds({
    instance: () => lab.region.instance(key),
    sign,
    now: () => lab.clock.now(),
    newToken: () => `token-${tokensMade++}`,
  });
  onTestFinished(() => service.close());
  const call = async (path: string, headers: Record<string, string> = {}, method = 'GET') => {
    const response = await fetch(service.url + path, { method, headers });
    return { status: response.status, text: await response.text(), ttl: response.headers.get(ttlHeader) };
  };
  const newToken = async (seconds = 21_600) => (await call(tokenPath, { [ttlHeader]: `${seconds}` }, 'PUT')).text;
  const read = async (path: string) => call(path, { [tokenHeader]: await newToken() });
  return { ...lab, url: service.url, key, call, newToken, read };
}

describe('a session token', () => {
  it('opens the metadata for as long as it was asked for', async () => {
    const { call, clock, key } = await startService();
    const granted = await call(tokenPath, { [ttlHeader]: '60' }, 'PUT');
    expect(granted).toMatchObject({ status: 200, ttl: '60' });
    const headers = { [tokenHeader]: granted.text };
    clock.advance(59_000);
    expect(await call('/latest/meta-data/instance-id', headers)).toEqual({
      status: 200,
      text: key.instanceId,
      ttl: '1',
    });
    clock.advance(1_000);
    expect((await call('/latest/meta-data/instance-id', headers)).status).toBe(401);
  });

  it('is required, and has to be one of this instance', async () => {
    const { call } = await startService();
    const other = await startService();
    expect((await call('/latest/meta-data/')).status).toBe(401);
    expect((await call('/latest/meta-data/', { [tokenHeader]: 'made up' })).status).toBe(401);
    expect((await call('/latest/meta-data/', { [tokenHeader]: await other.newToken() })).status).toBe(401);
  });

  it.each(['', '0', '21601', '-1', '1.5', '60s'])('is refused for a time to live of %j', async (ttl) => {
    const { call } = await startService();
    expect((await call(tokenPath, { [ttlHeader]: ttl }, 'PUT')).status).toBe(400);
  });

  it('is refused without a time to live, to a proxy and at a dated version', async () => {
    const { call } = await startService();
    const ttl = { [ttlHeader]: '60' };
    expect((await call(tokenPath, {}, 'PUT')).status).toBe(400);
    expect((await call(tokenPath, { ...ttl, 'x-forwarded-for': '10.0.0.9' }, 'PUT')).status).toBe(403);
    expect((await call('/2021-03-23/api/token', ttl, 'PUT')).status).toBe(403);
    expect((await call('/latest/user-data', ttl, 'PUT')).status).toBe(404);
  });

  it('is optional where the launch said so, but a wrong one is still wrong', async () => {
    const { call, key } = await startService({ MetadataOptions: {} });
    expect(await call('/latest/meta-data/instance-id')).toMatchObject({ status: 200, text: key.instanceId });
    expect((await call('/latest/meta-data/instance-id', { [tokenHeader]: 'made up' })).status).toBe(401);
  });
});

describe('the metadata', () => {
  it('has the instance’s own facts', async () => {
    const { read, region, key } = await startService({ MaxCount: 1, SubnetId: 'subnet-00000001' });
    const expected = {
      'ami-id': oneInstance.ImageId,
      'ami-launch-index': '0',
      hostname: 'ip-10-0-0-4.ec2.internal',
      'instance-type': 't3.micro',
      'local-ipv4': '10.0.0.4',
      'placement/availability-zone': 'us-east-1b',
      'placement/region': 'us-east-1',
      'public-ipv4': region.instance(key)!.history.at(-1)!.publicIpAddress,
      'services/partition': 'aws',
    };
    for (const [path, text] of Object.entries(expected)) {
      expect(await read(`/latest/meta-data/${path}`)).toMatchObject({ status: 200, text });
    }
  });

  it('lists directories, with or without the slash at the end, under any version', async () => {
    const { read } = await startService();
    expect((await read('/')).text.split('\n')).toContain('latest');
    expect((await read('/latest/')).text).toBe('dynamic/\nmeta-data/');
    expect((await read('/latest/meta-data/')).text.split('\n')).toEqual(
      expect.arrayContaining(['ami-id', 'instance-id', 'placement/']),
    );
    expect((await read('/2021-03-23/meta-data/placement')).text).toBe('availability-zone\nregion');
    expect((await read('/latest/dynamic/instance-identity/')).text.split('\n')).toEqual([
      'document',
      'pkcs7',
      'rsa2048',
      'signature',
    ]);
  });

  it.each([
    '/latest/meta-data/nothing',
    '/latest/meta-data/ami-id/below',
    '/latest/user-data',
    '/latest/meta-data/tags/instance/',
    '/future/meta-data/',
    '/latest/meta-data/constructor',
  ])('has nothing at %s', async (path) => {
    const { read } = await startService();
    expect((await read(path)).status).toBe(404);
  });

  it('refuses paths that cannot be decoded and other methods', async () => {
    const { call, read } = await startService();
    expect((await read('/latest/%zz')).status).toBe(400);
    expect((await call('/latest/meta-data/', {}, 'POST')).status).toBe(405);
  });

  it('gives the user data back byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const { url, newToken } = await startService({ UserData: bytes.toString('base64') });
    const response = await fetch(`${url}/latest/user-data`, { headers: { [tokenHeader]: await newToken() } });
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
  });

  it('shows tags as they are now, if the launch allows it', async () => {
    const { read, region, key } = await startService({
      MetadataOptions: { HttpTokens: 'required', InstanceMetadataTags: 'enabled' },
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'one' }] }],
    });
    const Tags = [
      { Key: 'Name', Value: 'two' },
      { Key: 'team:on call', Value: 'a' },
    ];
    region.createTags(here, { Resources: [key.instanceId], Tags });
    expect((await read('/latest/meta-data/tags/instance/')).text).toBe('Name\nteam:on call');
    expect((await read('/latest/meta-data/tags/instance/Name')).text).toBe('two');
    expect((await read('/latest/meta-data/tags/instance/team:on%20call')).text).toBe('a');
  });

  it('is closed where the launch turned it off', async () => {
    const { call } = await startService({ MetadataOptions: { HttpEndpoint: 'disabled' } });
    expect((await call(tokenPath, { [ttlHeader]: '60' }, 'PUT')).status).toBe(403);
    expect((await call('/latest/meta-data/')).status).toBe(403);
  });

  it('answers nobody while the instance is stopped', async () => {
    const { region, clock, key, newToken, call } = await startService();
    region.stopInstances(here, { InstanceIds: [key.instanceId] });
    const token = await newToken();
    expect((await call('/latest/meta-data/', { [tokenHeader]: token })).status).toBe(200);
    clock.advance(10_000);
    await expect(call('/latest/meta-data/', { [tokenHeader]: token })).rejects.toThrow('fetch failed');
  });
});

describe('the identity document', () => {
  it('has AWS’s fields in AWS’s layout, and the last start as its pendingTime', async () => {
    const { read, region, clock, key } = await startService({ InstanceType: 't4g.small', SubnetId: 'subnet-00000001' });
    expect((await read('/latest/dynamic/instance-identity/document')).text).toBe(`{
  "accountId" : "111122223333",
  "architecture" : "arm64",
  "availabilityZone" : "us-east-1b",
  "billingProducts" : null,
  "devpayProductCodes" : null,
  "marketplaceProductCodes" : null,
  "imageId" : "ami-0abcdef1234567890",
  "instanceId" : "${key.instanceId}",
  "instanceType" : "t4g.small",
  "kernelId" : null,
  "pendingTime" : "2026-11-02T10:00:00Z",
  "privateIp" : "10.0.0.4",
  "ramdiskId" : null,
  "region" : "us-east-1",
  "version" : "2017-09-30"
}`);
    region.stopInstances(here, { InstanceIds: [key.instanceId] });
    clock.advance(10_000);
    region.startInstances(here, { InstanceIds: [key.instanceId] });
    const second = (await read('/latest/dynamic/instance-identity/document')).text;
    expect(JSON.parse(second)).toMatchObject({ pendingTime: '2026-11-02T10:00:20Z' });
  });

  it.each(['signature', 'rsa2048', 'pkcs7'])('comes with its %s', async (kind) => {
    const { read } = await startService();
    const { length } = (await read('/latest/dynamic/instance-identity/document')).text;
    expect((await read(`/latest/dynamic/instance-identity/${kind}`)).text).toBe(`${kind} of ${length}`);
  });
});
