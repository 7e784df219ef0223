import { formatTime } from '#shared/domain/time.ts';
import { presentOf, type SimulatedInstance } from './simulated-instance.ts';

/** The document and what IMDS serves beside it: AWSEC2/latest/UserGuide/instance-identity-documents.html */
export interface DocumentSignatures {
  /** RSA-1024 with SHA-256, base64. */
  signature: string;
  /** CMS SignedData with the document inside, RSA-2048, base64. */
  rsa2048: string;
  /** The same with DSA. */
  pkcs7: string;
}

/**
 * The instance identity document, byte for byte in AWS's layout: two spaces, ` : `, no final line feed. `pendingTime`
 * is the last start, as LaunchTime is.
 */
export function identityDocument(instance: Readonly<SimulatedInstance>): string {
  const { account, region, instanceId, configuration } = instance;
  const fields = {
    accountId: account,
    architecture: configuration.architecture,
    availabilityZone: configuration.availabilityZone,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: configuration.imageId,
    instanceId,
    instanceType: configuration.instanceType,
    kernelId: null,
    pendingTime: formatTime(presentOf(instance).launchTime),
    privateIp: instance.privateIpAddress,
    ramdiskId: null,
    region,
    version: '2017-09-30',
  };
  const lines = Object.entries(fields).map(([name, value]) => `  "${name}" : ${JSON.stringify(value)}`);
  return `{\n${lines.join(',\n')}\n}`;
}
