import { formatTime } from '#shared/domain/time.ts';
import type { TemporaryCredentials } from '../sts/simulated-sts.ts';
import { type DocumentSignatures, identityDocument } from './identity-document.ts';
import { partitionOf, presentOf, privateDnsName, type SimulatedInstance } from './simulated-instance.ts';

/** A directory, or what a file holds, made only when it is read. */
type Entry = Directory | (() => string | Buffer);
type Directory = ReadonlyMap<string, Entry>;

/** The credentials of an instance's own role (iam-roles-for-amazon-ec2.html#ec2-instance-identity-roles) at this moment. */
export type CredentialsOf = (instance: Readonly<SimulatedInstance>) => TemporaryCredentials;

/**
 * What IMDS shows at a path below the version, given as its segments: a file's content, a directory's listing, or
 * undefined (AWSEC2/latest/UserGuide/instancedata-data-categories.html).
 */
export function readMetadata(
  instance: Readonly<SimulatedInstance>,
  segments: readonly string[],
  sign: (document: string) => DocumentSignatures,
  credentials?: CredentialsOf,
): string | Buffer | undefined {
  let entry: Entry | undefined = root(instance, sign, credentials);
  for (const segment of segments) entry = entry instanceof Map ? entry.get(segment) : undefined;
  if (typeof entry === 'function') return entry();
  return entry && [...entry].map(([name, child]) => (child instanceof Map ? `${name}/` : name)).join('\n');
}

function root(
  instance: Readonly<SimulatedInstance>,
  sign: (document: string) => DocumentSignatures,
  credentials: CredentialsOf | undefined,
): Directory {
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
    ['meta-data', new Map([...metaData(instance), ...identityCredentials(instance, credentials)])],
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

/** In IMDS's form; nothing where no STS stands behind the instance. */
function identityCredentials(instance: Readonly<SimulatedInstance>, of: CredentialsOf | undefined): [string, Entry][] {
  if (!of) return [];
  const json = () => {
    const { issuedAt, accessKeyId, secretAccessKey, sessionToken, expiresAt } = of(instance);
    const [LastUpdated, Expiration] = [issuedAt, expiresAt].map((time) => formatTime(time.getTime()));
    const fields = {
      ...{ Code: 'Success', LastUpdated, Type: 'AWS-HMAC', AccessKeyId: accessKeyId },
      ...{ SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration },
    };
    return JSON.stringify(fields, null, 2);
  };
  const ec2 = new Map<string, Entry>([['security-credentials', new Map<string, Entry>([['ec2-instance', json]])]]);
  return [['identity-credentials', new Map<string, Entry>([['ec2', ec2]])]];
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
