import type {
  _InstanceType,
  CreateTagsRequest,
  DescribeInstancesRequest,
  InstanceMetadataOptionsRequest,
  InstanceNetworkInterfaceSpecification,
  RunInstancesRequest,
  StopInstancesRequest,
  Tag,
  TagSpecification,
} from '@aws-sdk/client-ec2';
import type { Query } from './query.ts';

/** Query parameters to the SDK's request shapes: names on the wire are those of AWSEC2/latest/APIReference. */

export function readDescribeInstances(query: Query): DescribeInstancesRequest {
  return {
    InstanceIds: query.list('InstanceId'),
    Filters: query.structures('Filter', (filter) => ({ Name: filter.text('Name'), Values: filter.list('Value') })),
    MaxResults: query.integer('MaxResults'),
    NextToken: query.text('NextToken'),
    // No simulated instance is managed by another AWS service, so it changes no answer
    IncludeManagedResources: query.flag('IncludeManagedResources'),
    DryRun: query.flag('DryRun'),
  };
}

export function readRunInstances(query: Query): RunInstancesRequest {
  return {
    MinCount: query.integer('MinCount'),
    MaxCount: query.integer('MaxCount'),
    ImageId: query.text('ImageId'),
    InstanceType: query.text('InstanceType') as _InstanceType | undefined,
    SubnetId: query.text('SubnetId'),
    Placement: readMember(query, 'Placement', (placement) => ({
      AvailabilityZone: placement.text('AvailabilityZone'),
      Tenancy: placement.word('Tenancy', ['default']),
    })),
    SecurityGroupIds: query.list('SecurityGroupId'),
    NetworkInterfaces: query.structures('NetworkInterface', readNetworkInterface),
    KeyName: query.text('KeyName'),
    UserData: query.text('UserData'),
    IamInstanceProfile: readMember(query, 'IamInstanceProfile', (profile) => ({
      Arn: profile.text('Arn'),
      Name: profile.text('Name'),
    })),
    InstanceInitiatedShutdownBehavior: query.word('InstanceInitiatedShutdownBehavior', ['stop', 'terminate']),
    HibernationOptions: readMember(query, 'HibernationOptions', (options) => ({
      Configured: options.flag('Configured'),
    })),
    MetadataOptions: readMember(query, 'MetadataOptions', readMetadataOptions),
    TagSpecifications: query.structures('TagSpecification', readTagSpecification),
    ClientToken: query.text('ClientToken'),
    DryRun: query.flag('DryRun'),
  };
}

/** Start, stop, reboot and terminate all name instances; stop alone has more. */
export function readInstanceIds(query: Query): { InstanceIds: string[] | undefined; DryRun: boolean | undefined } {
  return { InstanceIds: query.list('InstanceId'), DryRun: query.flag('DryRun') };
}

export function readStopInstances(query: Query): StopInstancesRequest {
  return { ...readInstanceIds(query), Hibernate: query.flag('Hibernate'), Force: query.flag('Force') };
}

export function readCreateTags(query: Query): CreateTagsRequest {
  return { Resources: query.list('ResourceId'), Tags: query.structures('Tag', readTag), DryRun: query.flag('DryRun') };
}

function readMember<T>(query: Query, name: string, read: (member: Query) => T): T | undefined {
  const member = query.structure(name);
  return member && read(member);
}

function readNetworkInterface(query: Query): InstanceNetworkInterfaceSpecification {
  return {
    DeviceIndex: query.integer('DeviceIndex'),
    SubnetId: query.text('SubnetId'),
    Groups: query.list('SecurityGroupId'),
    AssociatePublicIpAddress: query.flag('AssociatePublicIpAddress'),
  };
}

function readMetadataOptions(query: Query): InstanceMetadataOptionsRequest {
  return {
    HttpTokens: query.word('HttpTokens', ['optional', 'required']),
    HttpPutResponseHopLimit: query.integer('HttpPutResponseHopLimit'),
    HttpEndpoint: query.word('HttpEndpoint', ['enabled', 'disabled']),
    InstanceMetadataTags: query.word('InstanceMetadataTags', ['enabled', 'disabled']),
  };
}

function readTagSpecification(query: Query): TagSpecification {
  return {
    ResourceType: query.word('ResourceType', ['instance', 'volume', 'network-interface']),
    Tags: query.structures('Tag', readTag),
  };
}

function readTag(query: Query): Tag {
  return { Key: query.text('Key'), Value: query.text('Value') };
}
