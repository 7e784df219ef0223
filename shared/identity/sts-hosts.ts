import { Problem } from '../domain/problems.ts';

/** Where STS answers for one Region. */
export interface StsHost {
  host: string;
  /** How ARNs of that Region begin: `arn:<partition>:`. */
  partition: string;
}

/**
 * Every Region with a pinned anchor, by partition: names, suffixes and Regions as in AWS's own partitions.json
 * (docs.aws.amazon.com/general/latest/gr/sts.html, and its twins for China and the European Sovereign Cloud).
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

/** The whole table. Nothing else is ever asked: no host is made of text that a request carries. */
export const stsHosts: ReadonlyMap<string, StsHost> = new Map(
  partitions.flatMap(({ partition, suffix, regions }) =>
    regions.map((region) => [region, { host: `sts.${region}.${suffix}`, partition }] as const),
  ),
);

/** The table's line for a Region. Throws `sts_unknown_region`: there is no default and no global host. */
export function stsHostOf(region: string): StsHost {
  const known = stsHosts.get(region);
  if (known) return known;
  throw new Problem('sts_unknown_region', `No STS host is known for ${region}.`, { region });
}
