import type { DescribeInstancesRequest, DescribeInstancesResult, Reservation } from '@aws-sdk/client-ec2';
import type { Instant } from '#shared/domain/time.ts';
import { Ec2Error } from './ec2-error.ts';
import type { CallFault } from './faults.ts';
import { compileFilters } from './filters.ts';
import { describe, type Sighting, sightingOf, type Visibility } from './sighting.ts';
import type { Place, SimulatedInstance } from './simulated-instance.ts';

/** What a describe sees of the world. */
export interface Outlook {
  now: Instant;
  visibility: Visibility;
  impairedZones: readonly string[];
}

/**
 * DescribeInstances over one place's instances. Order is by id, which says nothing of age. A page ends at an id and
 * the next begins behind it, so that what comes and goes between two pages neither repeats nor hides anything else.
 */
export function describeInstances(
  place: Place,
  instances: readonly SimulatedInstance[],
  input: DescribeInstancesRequest,
  outlook: Outlook,
  fault?: CallFault,
): DescribeInstancesResult {
  checkPaging(input);
  const after = input.NextToken ? readPageToken(input.NextToken) : '';
  const matches = compileFilters(input.Filters ?? []);
  const named = input.InstanceIds?.length ? findVisible(instances, input.InstanceIds, outlook) : null;
  checkZones(place, named, outlook.impairedZones);
  if (fault?.kind === 'empty') return { Reservations: [] };
  const found = (named ?? sightings(instances, outlook))
    .filter((sighting) => sighting.instance.instanceId > after && matches(sighting))
    .sort((a, b) => (a.instance.instanceId < b.instance.instanceId ? -1 : 1));
  const page = found.slice(0, input.MaxResults ?? (input.NextToken ? 1000 : found.length));
  const last = page.length < found.length ? page.at(-1)?.instance.instanceId : undefined;
  const end = fault?.kind === 'repeat-page-token' ? after : last;
  return { Reservations: reservationsOf(page), ...(end !== undefined && { NextToken: pageToken(end) }) };
}

/**
 * The named instances as far as calls may know them. Throws InvalidInstanceID.Malformed or .NotFound for the whole
 * list if one is not an id or not visible.
 */
export function findVisible(
  instances: readonly SimulatedInstance[],
  ids: readonly string[],
  outlook: Pick<Outlook, 'now' | 'visibility'>,
): Sighting[] {
  const malformed = ids.find((id) => !/^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(id));
  if (malformed !== undefined) throw new Ec2Error('InvalidInstanceID.Malformed', `Invalid id: "${malformed}"`);
  const wanted = new Set(ids);
  const found = sightings(
    instances.filter((instance) => wanted.has(instance.instanceId)),
    outlook,
  );
  for (const { instance } of found) wanted.delete(instance.instanceId);
  if (wanted.size === 0) return found;
  const plural = wanted.size > 1;
  throw new Ec2Error(
    'InvalidInstanceID.NotFound',
    `The instance ID${plural ? 's' : ''} '${[...wanted].join(', ')}' do${plural ? '' : 'es'} not exist`,
  );
}

function sightings(instances: readonly SimulatedInstance[], outlook: Pick<Outlook, 'now' | 'visibility'>): Sighting[] {
  return instances
    .map((instance) => sightingOf(instance, outlook.now, outlook.visibility))
    .filter((sighting) => sighting !== null);
}

function checkPaging({ InstanceIds, MaxResults }: DescribeInstancesRequest): void {
  if (MaxResults === undefined) return;
  if (InstanceIds?.length) {
    throw new Ec2Error(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    );
  }
  if (!Number.isInteger(MaxResults) || MaxResults < 5 || MaxResults > 1000) {
    throw new Ec2Error(
      'InvalidParameterValue',
      `Value ( ${MaxResults} ) for parameter maxResults is invalid: 5 to 1000.`,
    );
  }
}

/** A call fails if it names ids in an impaired zone, or names none; a filter is no naming (API_DescribeInstances.html). */
function checkZones(place: Place, named: readonly Sighting[] | null, impaired: readonly string[]): void {
  const touched = named
    ? named.some(({ instance }) => impaired.includes(instance.configuration.availabilityZone))
    : impaired.some((zone) => zone.startsWith(place.region));
  if (touched) throw new Ec2Error('Unavailable', 'The service is unavailable. Please try again shortly.');
}

const tokenText = /^after:(?:i-[0-9a-f]{8,17})?$/;

const pageToken = (lastId: string): string => Buffer.from(`after:${lastId}`).toString('base64url');

function readPageToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!tokenText.test(text)) {
    throw new Ec2Error('InvalidPaginationToken', 'The specified pagination token is not valid or is expired.');
  }
  return text.slice('after:'.length);
}

/** Instances of one launch share a reservation, as far as they are on the same page. */
export function reservationsOf(sightings: readonly Sighting[]): Reservation[] {
  const groups = Map.groupBy(sightings, ({ instance }) => instance.reservationId);
  return [...groups].map(([ReservationId, members]) => ({
    ReservationId,
    ...(members[0] && { OwnerId: members[0].instance.account }),
    Groups: [],
    Instances: members.map(describe),
  }));
}
