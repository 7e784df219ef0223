import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runAgent } from '#agent/agent.ts';
import { readInstanceCredentials } from '#agent/imds/credentials.ts';
import { openStateFolder } from '#agent/state/state-folder.ts';
import { startImds } from '#local/aws/imds/imds.ts';
import { SimulatedSts } from '#local/aws/sts/simulated-sts.ts';
import { random } from '#local/random.ts';
import type { Settings } from '#protocol/settings.ts';
import { askCallerIdentity } from '#shared/adapters/aws/sts.ts';
import { readEnrollmentRequest } from '#shared/identity/enrollment-request.ts';
import { readCallerIdentity, requireCaller } from '#shared/identity/sts-answer.ts';
import { buildCallerIdentityRequest, requireFreshDate } from '#shared/identity/sts-request.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { anchors, authority } from '../fakes/identity.ts';
import { refusalOf } from '../fakes/refusal.ts';
import { here, makeRegion, oneInstance } from '../local/aws/ec2/lab.ts';
import { enrolledAnswer, musterUrl, newFolder, problem, untimed } from './setup.ts';

/** A running instance with its metadata service, the STS behind it, and an agent on it. */
async function startInstance({ withCredentials = true, clockAheadMs = 0 } = {}) {
  const lab = makeRegion();
  const { Instances } = lab.region.runInstances(here, oneInstance);
  const key = { ...here, instanceId: Instances![0]!.InstanceId! };
  lab.clock.advance(10_000);
  const now = () => lab.clock.now();
  const sts = new SimulatedSts({ now, random: random(1) });
  const imds = await startImds({
    instance: () => lab.region.instance(key),
    sign: (document) => authority.sign(document, now()),
    ...(withCredentials && { credentials: (instance) => sts.instanceCredentials(instance) }),
    now,
    newToken: randomUUID,
  });
  onTestFinished(() => imds.close());
  /** One run of the agent: what it sent to Muster and what it said. */
  const run = async (settings: Settings, answers: object[] = [enrolledAnswer], waits = 1) => {
    const sent: string[] = [];
    const said: string[] = [];
    let waited = 0;
    const outcome = await runAgent({
      state: openStateFolder(newFolder()),
      metadataEndpoint: imds.url,
      settings,
      describe: () => ({ version: '1', os: 'linux', osVersion: '13', arch: 'arm64', hostname: 'web-1', bootId: 'b0' }),
      newId: randomUUID,
      randomBytes,
      timeout: untimed,
      random: () => 0.5,
      now: () => now().getTime() + clockAheadMs,
      fetch: (input, init) => {
        if (String(input).startsWith(imds.url)) return fetch(input, init);
        if (!String(input).endsWith('/v1/enroll')) return Promise.reject(new TypeError('fetch failed'));
        sent.push(String(init?.body));
        const answer = answers[Math.min(sent.length, answers.length) - 1]!;
        return Promise.resolve(Response.json(answer, { status: 'status' in answer ? Number(answer.status) : 200 }));
      },
      wait: async () => void waited++,
      stopped: () => waited >= waits,
      rotationAsked: () => false,
      say: (line) => said.push(line),
    });
    return { outcome, sent, said };
  };
  /** What Muster does with a request: everything that needs no network first. */
  const prove = async (body: string, audience = musterUrl) => {
    const request = await readEnrollmentRequest(body, { audiences: [audience], now: now(), clockSkewSeconds: 300 });
    const { document } = verifyDocument(request.proof, anchors, now());
    if (!request.sts) return { kind: 'iid-rsa2048', instanceId: document.instanceId };
    requireFreshDate(request.sts, now(), 300);
    const { aud, agentId: jkt, jti } = request;
    const { region } = document;
    const asked = buildCallerIdentityRequest({ region, aud, jkt, jti, sts: request.sts });
    const caller = readCallerIdentity(await askCallerIdentity(asked, sts.fetch), region);
    requireCaller(caller, { account: document.accountId, instanceId: document.instanceId });
    return { kind: 'sts', instanceId: caller.instanceId };
  };
  return { ...lab, key, sts, imds, run, prove };
}

const byStS: Settings = { url: musterUrl, proof: 'sts' };
const secretsOf = (sent: string[]) => sent.map((jws) => Buffer.from(jws.split('.')[1]!, 'base64url').toString()).join();

describe('an agent whose settings ask for sts', () => {
  it('sends a proof that STS takes for its own instance', async () => {
    const { run, prove, key, sts } = await startInstance();
    const { sent, outcome } = await run(byStS);
    expect([outcome, sent.length]).toEqual(['stopped', 1]);
    expect(await prove(sent[0]!)).toEqual({ kind: 'sts', instanceId: key.instanceId });
    expect(sts.requests.map(({ url }) => url)).toEqual(['https://sts.us-east-1.amazonaws.com/']);
  });

  it('sends the document alone unless it is asked for more', async () => {
    const { run, prove, key } = await startInstance();
    for (const settings of [{ url: musterUrl }, { url: musterUrl, proof: 'iid-rsa2048' as const }]) {
      const { sent } = await run(settings);
      expect(await prove(sent[0]!)).toEqual({ kind: 'iid-rsa2048', instanceId: key.instanceId });
    }
  });

  it('keeps the secret key to itself', async () => {
    const { run, sts, key } = await startInstance();
    const { sent } = await run(byStS);
    const { secretAccessKey, sessionToken } = sts.instanceCredentials(key);
    expect(secretsOf(sent)).toContain(sessionToken);
    expect(secretsOf(sent)).not.toContain(secretAccessKey);
  });

  it('signs each request anew', async () => {
    const { run, prove } = await startInstance();
    const { sent } = await run(byStS, [problem('sts_unavailable', 503), enrolledAnswer], 2);
    const signatures = sent.map((jws) => /"signature":"([0-9a-f]{64})"/.exec(secretsOf([jws]))?.[1]);
    expect(new Set(signatures).size).toBe(2);
    for (const body of sent) expect((await prove(body)).kind).toBe('sts');
  });

  it.each([
    ['sts_unavailable', 503, 3],
    ['clock_skew', 401, 3],
    ['sts_refused', 403, 1],
    ['sts_not_instance_role', 403, 1],
    ['sts_other_instance', 403, 1],
    ['sts_unknown_region', 403, 1],
  ])('is told %s and asks again only where waiting may help', async (code, status, times) => {
    const { run } = await startInstance();
    const { sent } = await run(byStS, [problem(code, status)], 3);
    expect(sent).toHaveLength(times);
  });

  it('is refused when its clock is wrong, before STS is asked', async () => {
    const { run, prove, sts } = await startInstance({ clockAheadMs: 301_000 });
    const { sent } = await run(byStS);
    expect((await refusalOf(prove(sent[0]!))).code).toBe('clock_skew');
    expect(sts.requests).toEqual([]);
  });

  it('waits while the metadata service has no credentials, and says so', async () => {
    const { run } = await startInstance({ withCredentials: false });
    const { sent, said } = await run(byStS, [enrolledAnswer], 2);
    expect(sent).toEqual([]);
    expect(said[0]).toMatch(/^the metadata service answered 404 for meta-data\/identity-credentials\//);
  });
});

describe('the instance’s own credentials', () => {
  it('are read as IMDS has them', async () => {
    const { imds, sts, key } = await startInstance();
    const { accessKeyId, secretAccessKey, sessionToken } = sts.instanceCredentials(key);
    expect(await readInstanceCredentials({ metadataEndpoint: imds.url, fetch, timeout: untimed })).toEqual({
      accessKeyId,
      secretAccessKey,
      sessionToken,
    });
  });

  it('change before they end', async () => {
    const { imds, clock } = await startInstance();
    const first = await readInstanceCredentials({ metadataEndpoint: imds.url, fetch, timeout: untimed });
    clock.advance(6 * 3_600_000 - 5 * 60_000 - 1000);
    expect(await readInstanceCredentials({ metadataEndpoint: imds.url, fetch, timeout: untimed })).toEqual(first);
    clock.advance(1000);
    expect(
      (await readInstanceCredentials({ metadataEndpoint: imds.url, fetch, timeout: untimed })).accessKeyId,
    ).not.toBe(first.accessKeyId);
  });

  it.each(['secret', '"secret"', '[]', 'null', '{"SecretAccessKey":"secret"}', '{"AccessKeyId":{"a":"secret"}}'])(
    'are none when they read %s, and the error holds nothing of them',
    async (page) => {
      const get: typeof fetch = async () => new Response(page);
      const failure = await readInstanceCredentials({
        metadataEndpoint: 'http://imds.example',
        fetch: get,
        timeout: untimed,
      }).catch((error: Error) => error);
      expect(failure).toMatchObject({ message: 'the instance’s credentials have no AccessKeyId' });
    },
  );
});
