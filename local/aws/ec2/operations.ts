/** The operations of EC2's API that are imitated: AWSEC2/latest/APIReference/API_Operations.html */
export const operations = [
  'DescribeInstances',
  'RunInstances',
  'StartInstances',
  'StopInstances',
  'RebootInstances',
  'TerminateInstances',
  'CreateTags',
] as const;
export type Operation = (typeof operations)[number];
