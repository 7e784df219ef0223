import type {
  DescribeInstancesResult,
  GroupIdentifier,
  Instance,
  InstanceNetworkInterface,
  InstanceState,
  InstanceStateChange,
  Reservation,
} from '@aws-sdk/client-ec2';
import type { XmlElements } from './xml.ts';

/** The SDK's result shapes to the elements that carry them, by the names in AWSEC2/latest/APIReference. */

export function describeInstancesAnswer(result: DescribeInstancesResult): XmlElements {
  return { reservationSet: (result.Reservations ?? []).map(reservationElements), nextToken: result.NextToken };
}

export function reservationElements(reservation: Reservation): XmlElements {
  return {
    reservationId: reservation.ReservationId,
    ownerId: reservation.OwnerId,
    groupSet: (reservation.Groups ?? []).map(groupElements),
    instancesSet: (reservation.Instances ?? []).map(instanceElements),
  };
}

export function stateChangesAnswer(changes: readonly InstanceStateChange[] | undefined): XmlElements {
  return {
    instancesSet: (changes ?? []).map((change) => ({
      instanceId: change.InstanceId,
      currentState: stateElements(change.CurrentState),
      previousState: stateElements(change.PreviousState),
    })),
  };
}

function instanceElements(instance: Instance): XmlElements {
  return {
    instanceId: instance.InstanceId,
    imageId: instance.ImageId,
    instanceState: stateElements(instance.State),
    privateDnsName: instance.PrivateDnsName ?? '',
    dnsName: '',
    reason: instance.StateTransitionReason,
    keyName: instance.KeyName,
    amiLaunchIndex: instance.AmiLaunchIndex,
    productCodes: [],
    instanceType: instance.InstanceType,
    launchTime: instance.LaunchTime,
    placement: {
      availabilityZone: instance.Placement?.AvailabilityZone,
      groupName: instance.Placement?.GroupName,
      tenancy: instance.Placement?.Tenancy,
    },
    monitoring: { state: instance.Monitoring?.State },
    ...networkElements(instance),
    stateReason: instance.StateReason && { code: instance.StateReason.Code, message: instance.StateReason.Message },
    architecture: instance.Architecture,
    rootDeviceType: instance.RootDeviceType,
    rootDeviceName: instance.RootDeviceName,
    blockDeviceMapping: (instance.BlockDeviceMappings ?? []).map(({ DeviceName, Ebs }) => ({
      deviceName: DeviceName,
      ebs: Ebs && {
        volumeId: Ebs.VolumeId,
        status: Ebs.Status,
        attachTime: Ebs.AttachTime,
        deleteOnTermination: Ebs.DeleteOnTermination,
      },
    })),
    virtualizationType: instance.VirtualizationType,
    clientToken: instance.ClientToken,
    tagSet: (instance.Tags ?? []).map((tag) => ({ key: tag.Key, value: tag.Value })),
    hypervisor: instance.Hypervisor,
    hibernationOptions: { configured: instance.HibernationOptions?.Configured },
    metadataOptions: metadataOptionsElements(instance.MetadataOptions),
  };
}

function networkElements(instance: Instance): XmlElements {
  const profile = instance.IamInstanceProfile;
  return {
    subnetId: instance.SubnetId,
    vpcId: instance.VpcId,
    privateIpAddress: instance.PrivateIpAddress,
    ipAddress: instance.PublicIpAddress,
    groupSet: (instance.SecurityGroups ?? []).map(groupElements),
    networkInterfaceSet: (instance.NetworkInterfaces ?? []).map(interfaceElements),
    iamInstanceProfile: profile && { arn: profile.Arn, id: profile.Id },
  };
}

function interfaceElements(networkInterface: InstanceNetworkInterface): XmlElements {
  const { Attachment: attachment } = networkInterface;
  return {
    subnetId: networkInterface.SubnetId,
    vpcId: networkInterface.VpcId,
    status: networkInterface.Status,
    macAddress: networkInterface.MacAddress,
    privateIpAddress: networkInterface.PrivateIpAddress,
    groupSet: (networkInterface.Groups ?? []).map(groupElements),
    attachment: attachment && {
      deviceIndex: attachment.DeviceIndex,
      status: attachment.Status,
      attachTime: attachment.AttachTime,
    },
  };
}

function metadataOptionsElements(options: Instance['MetadataOptions']): XmlElements {
  return {
    state: options?.State,
    httpTokens: options?.HttpTokens,
    httpPutResponseHopLimit: options?.HttpPutResponseHopLimit,
    httpEndpoint: options?.HttpEndpoint,
    instanceMetadataTags: options?.InstanceMetadataTags,
  };
}

const stateElements = (state: InstanceState | undefined): XmlElements => ({ code: state?.Code, name: state?.Name });

const groupElements = (group: GroupIdentifier): XmlElements => ({ groupId: group.GroupId, groupName: group.GroupName });
