/** Where an engine that answers for AWS does not do as AWS does. The test of the rule holds it to what it does instead. */
interface EngineDifference {
  engine: 'moto';
  /** The test that AWS passes. */
  rule: string;
  does: string;
  /** What the test sees there. */
  instead: unknown;
  aws: string;
  /** Below https://docs.aws.amazon.com/ */
  page: string;
}

export const engineDifferences: readonly EngineDifference[] = [
  {
    engine: 'moto',
    rule: 'a launch that is sent twice is launched once',
    does: 'It launches again: a client token is kept with the instance, and that is all.',
    instead: 4,
    aws: 'A retry with the same client token and parameters succeeds without any further action.',
    page: 'ec2/latest/devguide/ec2-api-idempotency.html',
  },
  {
    engine: 'moto',
    rule: 'another request under the same client token is no launch',
    does: 'It launches.',
    instead: 'launched',
    aws: 'A retry with the same client token and other parameters fails with IdempotentParameterMismatch.',
    page: 'ec2/latest/devguide/ec2-api-idempotency.html',
  },
  {
    engine: 'moto',
    rule: 'a client token whose instance has ended launches no more',
    does: 'It launches.',
    instead: 'launched',
    aws: 'IdempotentInstanceTerminated: the client token is that of an earlier request whose instance has been terminated.',
    page: 'AWSEC2/latest/APIReference/errors-overview.html',
  },
  {
    engine: 'moto',
    rule: 'what a client token launched is found by it',
    does: 'It does not know the filter client-token and answers 500 with a page of HTML.',
    instead: 'no words of EC2’s',
    aws: 'The filter client-token: the idempotency token that was given when the instance was launched.',
    page: 'AWSEC2/latest/APIReference/API_DescribeInstances.html',
  },
  {
    engine: 'moto',
    rule: 'all instances of a launch have its instance profile',
    does: 'The first has it, the others have none.',
    instead: ['web', null],
    aws: 'IamInstanceProfile is a parameter of the request, not of one of its instances.',
    page: 'AWSEC2/latest/APIReference/API_RunInstances.html',
  },
  {
    engine: 'moto',
    rule: 'one that runs shows when its root volume and its first interface came',
    does: 'Its root device is called /dev/xvda, and none of its block devices is.',
    instead: 'root_unknown',
    aws: 'RootDeviceName is the device name of the root device volume, and BlockDeviceMappings has an entry for it.',
    page: 'AWSEC2/latest/APIReference/API_Instance.html',
  },
  {
    engine: 'moto',
    rule: 'one that runs has no state reason',
    does: 'It has one whose code is empty.',
    instead: '',
    aws: 'The reasons that there are have their codes listed; none is empty.',
    page: 'AWSEC2/latest/APIReference/API_StateReason.html',
  },
  {
    engine: 'moto',
    rule: 'what is no id at all is refused',
    does: 'It is InvalidInstanceID.NotFound, as an id that is unknown.',
    instead: [],
    aws: 'InvalidInstanceID.Malformed: an id has the form i-xxxxxxxx or i-xxxxxxxxxxxxxxxxx.',
    page: 'AWSEC2/latest/APIReference/errors-overview.html',
  },
  {
    engine: 'moto',
    rule: 'an answer to ids has no pages',
    does: 'After a hundred reservations it gives a token for the next page.',
    instead: 'a token for the next page',
    aws: 'A request has ids or MaxResults, not both; up to a thousand ids are described by a single call.',
    page: 'ec2/latest/devguide/ec2-api-pagination.html',
  },
];
