import type { DescribeInstancesRequest, DescribeInstancesResult, Reservation } from '@aws-sdk/client-ec2';
import type { Instant } from '#shared/domain/time.ts';
import { Ec2Error } from './ec2-error.ts';
import { compileFilters } from './filters.ts';
import type { AnswerFault } from './gate.ts';
import { zonesOf } from './launch-request.ts';
import { describe, type Sighting, sightingOf, type Visibility } from './sighting.ts';
import type { Place, SimulatedInstance } from './simulated-instance.ts';

/** What a describe can know. */
export interface Outlook {
  now: Instant;
  visibility: Visibility;
  /** Whether a zone does not answer. */
  isDown: (zone: string) => boolean;
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
  fault?: AnswerFault,
): DescribeInstancesResult {
  checkPaging(input);
  const after = input.NextToken ? readPageToken(input.NextToken) : '';
  const matches = compileFilters(input.Filters ?? []);
  const named = input.InstanceIds?.length ? findVisible(instances, input.InstanceIds, outlook) : null;
  checkZones(place, named, outlook.isDown);
  if (fault?.what === 'empty') return { Reservations: [] };
  const found = (named ?? sightings(instances, outlook))
    .filter((sighting) => sighting.instance.instanceId > after && matches(sighting))
    .sort((a, b) => (a.instance.instanceId < b.instance.instanceId ? -1 : 1));
  const page = found.slice(0, input.MaxResults ?? (input.NextToken ? 1000 : found.length));
  const last = page.length < found.length ? page.at(-1)?.instance.instanceId : undefined;
  const end = fault?.what === 'repeat-page' ? after : last;
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

/**
 * A call fails if it names ids in a zone that does not answer. It also fails if it names no ids and any zone of the Region does not
 * answer, even if it filters: AWSEC2/latest/APIReference/API_DescribeInstances.html
 */
function checkZones({ region }: Place, named: readonly Sighting[] | null, isDown: (zone: string) => boolean): void {
  const zones = named ? named.map(({ instance }) => instance.configuration.availabilityZone) : zonesOf(region);
  const touched = zones.some(isDown);
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
