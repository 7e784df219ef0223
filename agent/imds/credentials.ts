import { type MetadataPorts, openMetadata } from './metadata.ts';

/** The instance's own temporary credentials. Every instance has them, with or without an instance profile. */
export interface InstanceCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

/** AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html#ec2-instance-identity-roles */
const credentialsPath = 'meta-data/identity-credentials/ec2/security-credentials/ec2-instance';

/** The credentials that the metadata service gives now. Throws if it gives none, or incomplete ones. */
export async function readInstanceCredentials(ports: MetadataPorts): Promise<InstanceCredentials> {
  const read = await openMetadata(ports);
  const credentials = parse(await read(credentialsPath));
  const text = (name: string): string => {
    const value = credentials?.[name];
    if (typeof value !== 'string') throw new Error(`the instance’s credentials have no ${name}`);
    return value;
  };
  return {
    accessKeyId: text('AccessKeyId'),
    secretAccessKey: text('SecretAccessKey'),
    sessionToken: text('Token'),
  };
}

/** Undefined for text that is not JSON. The parser's own message would quote the text, and a secret must not get into a log. */
function parse(json: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(json) ?? undefined;
  } catch {
    return undefined;
  }
}
