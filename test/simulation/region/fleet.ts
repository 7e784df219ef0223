import { Ec2Error, LostAnswer } from '#local/aws/ec2/ec2-error.ts';
import { type Place, presentOf } from '#local/aws/ec2/simulated-instance.ts';
import { hex, type Random } from '#local/random.ts';
import type { LaunchRequest } from '#shared/domain/launch/launch.ts';
import { Problem } from '#shared/domain/problems.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { ProcessDied } from './killable.ts';
import type { Pipeline } from './pipeline.ts';
import { accounts, agentImage, audience, plainImage, regions } from './places.ts';

/** How much happens. */
export interface Bustle {
  servers: number;
  directLaunches: number;
  /** Stops, starts and terminations of whatever is there. */
  changes: number;
  spanMs: number;
}

export const request: LaunchRequest = {
  imageId: agentImage,
  instanceType: 't4g.nano',
  subnetId: null,
  securityGroupIds: [],
  instanceProfileArn: null,
  keyName: null,
  hopLimit: 1,
  tags: {},
};

const pick = <T>(random: Random, items: readonly [T, ...T[]]): T =>
  items[Math.floor(random() * items.length)] ?? items[0];

/** Sets a fleet going: people launch servers by Muster and instances past it, and stop, start and end them at any time. */
export function startWorkload(pipeline: Pipeline, { servers, directLaunches, changes, spanMs }: Bustle): void {
  const { clock, random } = pipeline;
  const sometime = (share: number) => Math.floor(random() * spanMs * share);
  for (let nth = 0; nth < servers; nth++) {
    clock.after(sometime(0.5), () => runServer(pipeline, `web-${nth}`, anyPlace(random), sometime(0.5)));
  }
  for (let nth = 0; nth < directLaunches; nth++) clock.after(sometime(0.7), () => runDirectly(pipeline));
  for (let nth = 0; nth < changes; nth++)
    clock.after(sometime(1), () => unlessRefused(() => changeSomething(pipeline)));
}

const anyPlace = (random: Random): Place => ({
  account: pick(random, [accounts.hub, accounts.hub, accounts.member]),
  region: pick(random, regions),
});

/** A server is made and launched, and launched once more later if its instance has ended by then. */
async function runServer(pipeline: Pipeline, name: string, place: Place, againMs: number): Promise<void> {
  const { functions, clock } = pipeline;
  const made = await unlessRefused(() =>
    functions.operate<{ id: string }>('POST', '/v1/servers', { name, ...place, request }),
  );
  if (!made) return;
  const launch = async () => {
    await unlessRefused(() => functions.operate('POST', `/v1/servers/${made.id}/launch`));
  };
  await launch();
  for (const share of [0.3, 0.6, 1]) clock.after(againMs * share, launch);
}

/** An instance that Muster did not launch: some with an agent and an enrollment key, some in nobody's account. */
async function runDirectly(pipeline: Pipeline): Promise<void> {
  const { random, ec2 } = pipeline;
  const place = random() < 0.15 ? { ...anyPlace(random), account: accounts.foreign } : anyPlace(random);
  const withAgent = random() < 0.7;
  const seed = withAgent ? await newKey(pipeline) : undefined;
  const userData = JSON.stringify({ muster: { url: audience, ...(seed && { grant: seed }) } });
  await unlessRefused(() =>
    ec2.runInstances(place, {
      ImageId: withAgent ? agentImage : plainImage,
      InstanceType: 't4g.nano',
      MinCount: 1,
      MaxCount: pick(random, [1, 1, 3]),
      UserData: Buffer.from(userData).toString('base64'),
    }),
  );
}

/** An enrollment key as `muster key create` makes it; `uses` null is without limit. */
export async function newKey(
  { functions, random }: Pipeline,
  uses: number | null = pick(random, [null, 1]),
): Promise<{ id: string; seed: string } | undefined> {
  const { seed, publicKeyX } = newGrantKey((length) => Buffer.from(hex(random, 2 * length), 'hex'));
  const wanted = { publicKey: publicKeyX, uses };
  const key = await unlessRefused(() => functions.operate<{ id: string }>('POST', '/v1/enrollment-keys', wanted));
  return key && { id: key.id, seed: Buffer.from(seed).toString('base64url') };
}

function changeSomething({ ec2, random }: Pipeline): void {
  const all = ec2.truth().filter((instance) => presentOf(instance).state !== 'terminated');
  const instance = all[Math.floor(random() * all.length)];
  if (!instance) return;
  const { account, region, instanceId } = instance;
  const input = { InstanceIds: [instanceId] };
  const place = { account, region };
  if (random() < 0.25) ec2.terminateInstances(place, input);
  else if (presentOf(instance).state === 'stopped') ec2.startInstances(place, input);
  else if (random() < 0.2) ec2.shutDownFromInside({ account, region, instanceId });
  else ec2.stopInstances(place, input);
}

/** People take a refusal, a failure and a lost answer as they come. */
export async function unlessRefused<T>(act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    const usual = [Problem, Ec2Error, LostAnswer, ProcessDied].some((kind) => error instanceof kind);
    if (usual) return undefined;
    throw error;
  }
}
