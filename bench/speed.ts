import { verify } from 'node:crypto';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { identityDocument } from '#local/aws/ec2/identity-document.ts';
import { mergeEvent } from '#shared/domain/cloud/merge-event.ts';
import { readNotification } from '#shared/domain/cloud/notification.ts';
import { type Instance, type InstanceKey, keyOf } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anchorsFor, publicKeyOf } from '#shared/identity/anchors.ts';
import { isSignedBy, readSignedData } from '#shared/identity/cms.ts';
import { publicKeyFromX } from '#shared/identity/ed25519.ts';
import { readEnrollmentRequest } from '#shared/identity/enrollment-request.ts';
import { verifyDocument } from '#shared/identity/verify-document.ts';
import { signDocument, testAnchors } from '#test/simulation/region/authority.ts';
import { Machine } from '#test/simulation/region/machine.ts';
import { Pipeline } from '#test/simulation/region/pipeline.ts';
import { accounts, agentImage, audience } from '#test/simulation/region/places.ts';
import { runSeed } from '#test/simulation/region/run.ts';
import { replayLines } from '../cli/commands/replay.ts';

/** What one thing takes, and what it cannot take less than: both measured here and now, one after the other. */
export interface Speed {
  nanoseconds: number;
  floorNanoseconds: number;
}

/** The best of several rounds: everything else on the machine only ever adds. */
async function best(things: number, round: () => Promise<void> | void): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let nth = 0; nth < 7; nth++) {
    const start = performance.now();
    await round();
    least = Math.min(least, performance.now() - start);
  }
  return (least * 1e6) / things;
}

/** The lines of a few simulated runs: events, describes, check-ins and the passing of time as they come. */
async function someLines(): Promise<string[]> {
  const runs = [];
  for (let seed = 1; seed <= 5; seed++) runs.push(await runSeed(seed, { deaths: [] }));
  return runs.flatMap(({ timeline }) => timeline);
}

/** One EC2 event, from its text to the record; the floor reads the text alone. */
export async function speedOfMerge(): Promise<Speed> {
  const events = (await someLines()).filter((line) => line.includes('"observe":"event"'));
  const texts = events.map((line) => JSON.stringify(JSON.parse(line).event));
  const receivedAt = Date.parse(JSON.parse(events.at(-1) ?? '{}').receivedAt);
  const rounds = Math.ceil(20_000 / texts.length);
  const nanoseconds = await best(rounds * texts.length, () => {
    for (let nth = 0; nth < rounds; nth++) mergeAll(texts, receivedAt);
  });
  const floorNanoseconds = await best(rounds * texts.length, () => {
    for (let nth = 0; nth < rounds; nth++) for (const text of texts) JSON.parse(text);
  });
  return { nanoseconds, floorNanoseconds };
}

function mergeAll(texts: readonly string[], receivedAt: number): void {
  const records = new Map<string, Instance>();
  for (const text of texts) {
    const notification = readNotification(JSON.parse(text), receivedAt);
    if (notification.kind !== 'state') continue;
    const key = keyOf(notification.change);
    records.set(key, mergeEvent(records.get(key), notification.change, defaultTiming).instance);
  }
}

/** One line of a timeline through `muster replay`; the floor reads the line alone. */
export async function speedOfReplay(): Promise<Speed> {
  const lines = await someLines();
  const many = Array.from({ length: Math.ceil(20_000 / lines.length) }, (_, nth) =>
    lines.map((line) => line.replace('"case":"', `"case":"${nth}-`)),
  ).flat();
  const nanoseconds = await best(many.length, async () => void (await replayLines(many)));
  const floorNanoseconds = await best(many.length, () => {
    for (const line of many) JSON.parse(line);
  });
  return { nanoseconds, floorNanoseconds };
}

/** What verifying one enrollment takes in all, and its CMS object with the document in it alone. */
export interface EnrollmentSpeed {
  whole: Speed;
  object: Speed;
}

/**
 * A signed enrollment request, its identity document included; the floor verifies the two signatures and reads the payload. Of
 * the object alone the floor is its one signature.
 */
export async function speedOfEnrollment(): Promise<EnrollmentSpeed> {
  const pipeline = new Pipeline({ seed: 1 });
  const place = { account: accounts.hub, region: 'us-east-1' };
  pipeline.ec2.runInstances(place, { ImageId: agentImage, MinCount: 1, MaxCount: 1, InstanceType: 't4g.nano' });
  const [instance] = pipeline.ec2.truth();
  if (!instance) throw new Error('nothing was launched');
  const { body, key } = await enrollmentOf(pipeline, instance);
  const now = pipeline.clock.now();
  const read = () => readEnrollmentRequest(body, { audiences: [audience], now, clockSkewSeconds: 300 });
  const { proof } = await read();
  const floor = floorOf(body, key.publicKeyX, signDocument(identityDocument(instance), now).rsa2048);
  const requests = 200;
  const each = (run: () => unknown) =>
    best(requests, () => {
      for (let nth = 0; nth < requests; nth++) run();
    });
  const whole = await best(requests, async () => {
    for (let nth = 0; nth < requests; nth++) verifyDocument((await read()).proof, testAnchors(), now);
  });
  const object = await each(() => verifyDocument(proof, testAnchors(), now));
  return {
    whole: { nanoseconds: whole, floorNanoseconds: await each(floor.whole) },
    object: { nanoseconds: object, floorNanoseconds: await each(floor.object) },
  };
}

/** A request to enroll as the agent sends it, and the key that signed it. */
async function enrollmentOf(pipeline: Pipeline, instance: InstanceKey): Promise<{ body: string; key: AgentKey }> {
  let body = '';
  const { key } = await new Machine(pipeline, instance).ask({
    settings: { url: audience },
    send: async (_url, init) => {
      body = String(init.body);
      return Response.json({});
    },
  });
  return { body, key };
}

/** No verifier does less: one RSA-2048 signature, one Ed25519 signature, and the payload's JSON. */
function floorOf(body: string, publicKeyX: string, object: string): { whole: () => void; object: () => void } {
  const [header = '', payload = '', signature = ''] = body.split('.');
  const signed = readSignedData(Buffer.from(object, 'base64'));
  const [anchor] = anchorsFor(testAnchors(), 'us-east-1', 'rsa2048').filter(({ test }) => test);
  if (!anchor) throw new Error('there is no test anchor');
  const [rsaKey, agentKey] = [publicKeyOf(anchor), publicKeyFromX(publicKeyX)];
  const signingInput = Buffer.from(`${header}.${payload}`);
  const bytes = Buffer.from(signature, 'base64url');
  const verifyObject = () => {
    if (!isSignedBy(signed, rsaKey)) throw new Error('the floor does not verify');
  };
  return {
    object: verifyObject,
    whole() {
      verifyObject();
      if (!verify(null, signingInput, agentKey, bytes)) throw new Error('the floor does not verify');
      JSON.parse(Buffer.from(payload, 'base64url').toString());
    },
  };
}
