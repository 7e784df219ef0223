/**
 * The request to STS that an agent signs and Muster sends. Both build it from the same parts: the agent gives the signature and
 * its session, Muster writes everything else.
 */

/** The agent's part of a signed GetCallerIdentity request. */
export interface StsSignature {
  /** `20261126T100000Z` */
  date: string;
  accessKeyId: string;
  sessionToken: string;
  /** SigV4's, 64 lower-case hexadecimal digits. */
  signature: string;
}

/** What the signature is bound to: STS refuses it in a request with any other of these. */
export interface StsPurpose {
  /** The identity document's Region. */
  region: string;
  /** The enrollment's audience. */
  aud: string;
  /** The thumbprint of the agent's key. */
  jkt: string;
  /** The enrollment request's id. */
  jti: string;
}

/** The body that is signed and sent, always the same (STS/latest/APIReference/API_GetCallerIdentity.html). */
export const callerIdentityBody = 'Action=GetCallerIdentity&Version=2011-06-15';

/** SigV4's own name (IAM/latest/UserGuide/reference_sigv-create-signed-request.html). */
export const sigV4Algorithm = 'AWS4-HMAC-SHA256';

/** All headers that are signed, in SigV4's order. `host` is the Region's in `stsHosts`. */
export function signedHeaders(
  host: string,
  { aud, jkt, jti }: Omit<StsPurpose, 'region'>,
  { date, sessionToken }: Pick<StsSignature, 'date' | 'sessionToken'>,
): [name: string, value: string][] {
  return [
    ['content-type', 'application/x-www-form-urlencoded'],
    ['host', host],
    ['x-amz-date', date],
    ['x-amz-security-token', sessionToken],
    ['x-muster-aud', aud],
    ['x-muster-jkt', jkt],
    ['x-muster-jti', jti],
  ];
}

/** The parts of SigV4's credential scope, from which the signing key is derived too. */
export function credentialScope(date: string, region: string): string[] {
  return [date.slice(0, 8), region, 'sts', 'aws4_request'];
}

/** A time in SigV4's format: `20261126T100000Z`. */
export function formatAmzDate(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** The host of STS in one Region. */
export interface StsHost {
  host: string;
  /** ARNs of that Region begin with `arn:<partition>:`. */
  partition: string;
}

/**
 * Every Region with a pinned anchor, by partition: names, suffixes and Regions as in AWS's own partitions.json
 * (docs.aws.amazon.com/general/latest/gr/sts.html, and the same page for China and the European Sovereign Cloud).
 */
const partitions = [
  {
    partition: 'aws',
    suffix: 'amazonaws.com',
    regions: [
      ...['af-south-1', 'ap-east-1', 'ap-east-2', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1'],
      ...['ap-south-2', 'ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5'],
      ...['ap-southeast-6', 'ap-southeast-7', 'ca-central-1', 'ca-west-1', 'eu-central-1', 'eu-central-2'],
      ...['eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'il-central-1'],
      ...[
        'me-central-1',
        'me-south-1',
        'mx-central-1',
        'sa-east-1',
        'us-east-1',
        'us-east-2',
        'us-west-1',
        'us-west-2',
      ],
    ],
  },
  { partition: 'aws-cn', suffix: 'amazonaws.com.cn', regions: ['cn-north-1', 'cn-northwest-1'] },
  { partition: 'aws-us-gov', suffix: 'amazonaws.com', regions: ['us-gov-east-1', 'us-gov-west-1'] },
  { partition: 'aws-eusc', suffix: 'amazonaws.eu', regions: ['eusc-de-east-1'] },
] as const;

/** The host of every Region. Muster sends a request to no other host, and makes no host name from a request's text. */
export const stsHosts: ReadonlyMap<string, StsHost> = new Map(
  partitions.flatMap(({ partition, suffix, regions }) =>
    regions.map((region) => [region, { host: `sts.${region}.${suffix}`, partition }] as const),
  ),
);
