import type { Filter } from '@aws-sdk/client-ec2';
import { Ec2Error } from './ec2-error.ts';
import type { Sighting } from './sighting.ts';

/** AWSEC2/latest/APIReference/API_Filter.html */
const valuesPerFilter = 200;

/** What each filter of DescribeInstances compares; one hit among several values is enough. */
const properties: Record<string, (sighting: Sighting) => readonly string[]> = {
  'availability-zone': ({ instance }) => [instance.configuration.availabilityZone],
  'client-token': ({ instance }) => [instance.clientToken],
  'image-id': ({ instance }) => [instance.configuration.imageId],
  'instance-id': ({ instance }) => [instance.instanceId],
  'instance-state-name': ({ transition }) => [transition.state],
  'instance-type': ({ instance }) => [instance.configuration.instanceType],
  'reservation-id': ({ instance }) => [instance.reservationId],
  'subnet-id': ({ instance, transition }) =>
    transition.state === 'terminated' ? [] : [instance.configuration.subnetId],
  'tag-key': ({ tags }) => [...tags.keys()],
  'vpc-id': ({ instance, transition }) => (transition.state === 'terminated' ? [] : [instance.configuration.vpcId]),
};

/** All filters must hold, each by any of its values. Throws InvalidParameterValue or FilterLimitExceeded. */
export function compileFilters(filters: readonly Filter[]): (sighting: Sighting) => boolean {
  const tests = filters.map(compileFilter);
  return (sighting) => tests.every((test) => test(sighting));
}

function compileFilter({ Name: name = '', Values: values = [] }: Filter): (sighting: Sighting) => boolean {
  if (values.length === 0) throw new Ec2Error('InvalidParameterValue', `The filter '${name}' has no values`);
  if (values.length > valuesPerFilter) {
    throw new Ec2Error(
      'FilterLimitExceeded',
      `The maximum number of filter values specified on a single call is ${valuesPerFilter}`,
    );
  }
  const read = propertyOf(name);
  const exact = new Set(values.filter((value) => !/[*?\\]/.test(value)));
  const patterns = values.filter((value) => !exact.has(value)).map(compilePattern);
  return (sighting) => read(sighting).some((text) => exact.has(text) || patterns.some((matches) => matches(text)));
}

function propertyOf(name: string): (sighting: Sighting) => readonly string[] {
  if (name.startsWith('tag:')) {
    const key = name.slice('tag:'.length);
    return ({ tags }) => [tags.get(key)].filter((value) => value !== undefined);
  }
  const read = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (!read) throw new Ec2Error('InvalidParameterValue', `The filter '${name}' is invalid`);
  return read;
}

/** `*` is any text, `?` any one character, `\` takes the next literally: AWSEC2/latest/UserGuide/Using_Filtering.html */
function compilePattern(pattern: string): (text: string) => boolean {
  const source = pattern.replace(/\\(.)|[*?]|[^*?\\]+|\\$/gsu, (part, escaped: string | undefined) => {
    if (part === '*') return '.*';
    return part === '?' ? '.' : (escaped ?? part).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  const expression = new RegExp(`^${source}$`, 'su');
  return (text) => expression.test(text);
}
