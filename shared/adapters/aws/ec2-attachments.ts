import type { Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import type { Attachments } from '#shared/domain/enrollment/attachment.ts';

/** What a described instance starts from and speaks through; null where EC2 does not tell, as while a volume is on its way. */
export function attachmentsOf(instance: Ec2Instance): Attachments {
  const { RootDeviceType, RootDeviceName, BlockDeviceMappings = [], NetworkInterfaces = [] } = instance;
  const root = BlockDeviceMappings.find(({ DeviceName }) => DeviceName !== undefined && DeviceName === RootDeviceName);
  // Of several interfaces, on several network cards, the first alone came with the instance.
  const first = NetworkInterfaces.map(({ Attachment }) => Attachment).find(
    (attachment) => attachment?.DeviceIndex === 0 && (attachment.NetworkCardIndex ?? 0) === 0,
  );
  return {
    rootDeviceType: RootDeviceType ?? null,
    rootDeviceName: RootDeviceName ?? null,
    rootVolumeId: root?.Ebs?.VolumeId ?? null,
    rootAttachedAt: root?.Ebs?.AttachTime?.getTime() ?? null,
    interfaceAttachedAt: first?.AttachTime?.getTime() ?? null,
  };
}
