import { type DocumentSignatures, identityDocument } from './identity-document.ts';
import { partitionOf, presentOf, privateDnsName, type SimulatedInstance } from './simulated-instance.ts';

/** A directory, or what a file holds, made only when it is read. */
type Entry = Directory | (() => string | Buffer);
type Directory = ReadonlyMap<string, Entry>;

/**
 * What IMDS shows at a path below the version, given as its segments: a file's content, a directory's listing, or
 * undefined (AWSEC2/latest/UserGuide/instancedata-data-categories.html).
 */
export function readMetadata(
  instance: Readonly<SimulatedInstance>,
  segments: readonly string[],
  sign: (document: string) => DocumentSignatures,
): string | Buffer | undefined {
  let entry: Entry | undefined = root(instance, sign);
  for (const segment of segments) entry = entry instanceof Map ? entry.get(segment) : undefined;
  if (typeof entry === 'function') return entry();
  return entry && [...entry].map(([name, child]) => (child instanceof Map ? `${name}/` : name)).join('\n');
}

function root(instance: Readonly<SimulatedInstance>, sign: (document: string) => DocumentSignatures): Directory {
  const document = () => identityDocument(instance);
  const identity = new Map<string, Entry>([
    ['document', document],
    ['pkcs7', () => sign(document()).pkcs7],
    ['rsa2048', () => sign(document()).rsa2048],
    ['signature', () => sign(document()).signature],
  ]);
  const { userData } = instance.configuration;
  return new Map<string, Entry>([
    ['dynamic', new Map<string, Entry>([['instance-identity', identity]])],
    ['meta-data', metaData(instance)],
    ...(userData === null ? [] : [['user-data', () => Buffer.from(userData, 'base64')] as const]),
  ]);
}

function metaData(instance: Readonly<SimulatedInstance>): Directory {
  const { configuration, region } = instance;
  const { publicIpAddress } = presentOf(instance);
  return new Map<string, Entry>([
    ...files({
      'ami-id': configuration.imageId,
      'ami-launch-index': String(instance.amiLaunchIndex),
      hostname: privateDnsName(instance),
      'instance-id': instance.instanceId,
      'instance-life-cycle': 'on-demand',
      'instance-type': configuration.instanceType,
      'local-hostname': privateDnsName(instance),
      'local-ipv4': instance.privateIpAddress,
      mac: instance.macAddress,
      ...(publicIpAddress !== null && { 'public-ipv4': publicIpAddress }),
      'reservation-id': instance.reservationId,
      'security-groups': configuration.securityGroupIds.join('\n'),
    }),
    ['placement', files({ 'availability-zone': configuration.availabilityZone, region })],
    ['services', files({ domain: 'amazonaws.com', partition: partitionOf(region) })],
    ...tags(instance),
  ]);
}

/** Only if the instance allows it; the tags as they are, not as a describe may still see them. */
function tags({ configuration, tags: written }: Readonly<SimulatedInstance>): [string, Entry][] {
  if (configuration.metadataOptions.instanceMetadataTags === 'disabled') return [];
  const current = new Map(written.map(({ key, value }) => [key, value]));
  return [['tags', new Map<string, Entry>([['instance', files(Object.fromEntries(current))]])]];
}

function files(contents: Record<string, string>): Directory {
  return new Map(Object.entries(contents).map(([name, content]) => [name, () => content]));
}
