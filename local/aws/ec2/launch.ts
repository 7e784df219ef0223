import { hex, type Random, within } from '../../random.ts';
import { Ec2Error } from './ec2-error.ts';
import { defaultSubnetId, type RunInstancesInput, zonesOf } from './launch-request.ts';
import { type StateReasonCode, startCourse } from './lifecycle.ts';
import type { Circumstances } from './power.ts';
import { publicIpAddress, resourceId } from './random-ids.ts';
import { type Place, presentOf, type SimulatedInstance, type Transition } from './simulated-instance.ts';

/** What a client token led to; kept for as long as the region lives. */
export interface LaunchRecord {
  /** Account, region, zone if the request named one, and token. */
  scope: string;
  fingerprint: string;
  instanceIds: string[];
}

/** The scope of a client token is zonal or regional: ec2/latest/devguide/ec2-api-idempotency.html */
export function tokenScope(place: Place, request: RunInstancesInput, clientToken: string): string {
  return [place.account, place.region, request.availabilityZone ?? '*', clientToken].join('/');
}

/**
 * The instances that the same request launched before. Throws IdempotentParameterMismatch if it was another request,
 * IdempotentInstanceTerminated if one of them has ended.
 */
export function replay(
  record: LaunchRecord,
  request: RunInstancesInput,
  instances: ReadonlyMap<string, SimulatedInstance>,
): SimulatedInstance[] {
  if (record.fingerprint !== request.fingerprint) {
    throw new Ec2Error(
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
  }
  const launched = record.instanceIds.map((id) => instances.get(id)).filter((instance) => instance !== undefined);
  if (launched.some((instance) => presentOf(instance).state === 'terminated')) {
    throw new Ec2Error(
      'IdempotentInstanceTerminated',
      'The client token you have provided is associated with a terminated instance. Please use a different client token.',
    );
  }
  return launched;
}

/** The zone asked for, or any that answers. Throws InsufficientInstanceCapacity. */
export function chooseZone(
  place: Place,
  asked: string | null,
  isDown: (zone: string) => boolean,
  random: Random,
): string {
  const healthy = (asked === null ? zonesOf(place.region) : [asked]).filter((zone) => !isDown(zone));
  const zone = healthy[Math.floor(random() * healthy.length)];
  if (zone !== undefined) return zone;
  throw new Ec2Error(
    'InsufficientInstanceCapacity',
    'We currently do not have sufficient capacity in the zone you requested.',
  );
}

/** One launch, about to happen. `had`: how many instances the place has had, so that no address is given out twice. */
interface Launch extends Circumstances {
  place: Place;
  request: RunInstancesInput;
  clientToken: string;
  zone: string;
  had: number;
  /** Asked once per instance: why it will never run, if so. */
  failure: () => StateReasonCode | undefined;
}

/** The instances of one launch, in their first state and with their course before them. */
export function newInstances(launch: Launch): SimulatedInstance[] {
  const reservationId = resourceId('r', launch.random);
  return Array.from({ length: launch.request.count }, (_, index) => newInstance(launch, reservationId, index));
}

function newInstance(launch: Launch, reservationId: string, amiLaunchIndex: number): SimulatedInstance {
  const { place, request, zone, random } = launch;
  const [first, ...ahead] = launchCourse(launch);
  const instanceId = resourceId('i', random);
  return {
    account: place.account,
    region: place.region,
    instanceId,
    reservationId,
    clientToken: launch.clientToken,
    amiLaunchIndex,
    configuration: {
      ...request.configuration,
      availabilityZone: zone,
      subnetId: request.subnetId ?? defaultSubnetId(zone),
      vpcId: `vpc-${place.account.slice(-8).padStart(8, '0')}`,
    },
    privateIpAddress: privateAddress(launch.had + amiLaunchIndex),
    macAddress: `02:${hex(random, 10).replace(/(..)(?!$)/g, '$1:')}`,
    // EC2 makes the interface with the instance, and the volume from the image a moment later.
    interfaceAttachedAt: first.launchTime,
    rootVolume: { volumeId: instanceId.replace('i-', 'vol-'), attachedAt: first.launchTime + 1000 },
    tags: [...request.tags].map(([key, value]) => ({ key, value, at: first.at })),
    history: [first],
    ahead,
    reboots: [],
  };
}

function launchCourse({ at, timings, random, failure }: Launch): [Transition, Transition] {
  const code = failure();
  return startCourse({
    at,
    delayMs: within(timings.startMs, random),
    publicIpAddress: publicIpAddress(random),
    failure: code === undefined ? null : { code, to: 'terminated' },
  });
}

/** 10.0.0.0/8, leaving out the addresses that end in 0 to 3 or 255: a VPC keeps those of every subnet. */
function privateAddress(ordinal: number): string {
  const network = Math.floor(ordinal / 250);
  return `10.${network >> 8}.${network & 255}.${4 + (ordinal % 250)}`;
}
