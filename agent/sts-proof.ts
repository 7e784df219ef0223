import { createHash, createHmac } from 'node:crypto';
import {
  callerIdentityBody,
  credentialScope,
  formatAmzDate,
  type StsPurpose,
  type StsSignature,
  signedHeaders,
  sigV4Algorithm,
} from '#shared/identity/sts-request.ts';
import { openMetadata } from './imds.ts';

/** The instance's own temporary credentials: every instance has them, no instance profile is needed. */
export interface InstanceCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

/** AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html#ec2-instance-identity-roles */
const credentialsPath = 'meta-data/identity-credentials/ec2/security-credentials/ec2-instance';

/** The credentials that the metadata service has now. Throws if it has none, or none that are whole. */
export async function readInstanceCredentials(endpoint: string, get: typeof fetch): Promise<InstanceCredentials> {
  const read = await openMetadata(endpoint, get);
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

/** The parser's own message would hold a piece of what it read: a secret has no place in a log. */
function parse(json: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(json) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * Signs the GetCallerIdentity request that Muster will send (IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 * The secret key stays here; the session token is of no use without it.
 */
export function signCallerIdentity(
  purpose: StsPurpose,
  { accessKeyId, secretAccessKey, sessionToken }: InstanceCredentials,
  now: Date,
): StsSignature {
  const date = formatAmzDate(now);
  const headers = signedHeaders(purpose, { date, sessionToken });
  const names = headers.map(([name]) => name).join(';');
  const lines = headers.map(([name, value]) => `${name}:${value}`);
  const canonical = ['POST', '/', '', ...lines, '', names, sha256(callerIdentityBody)].join('\n');
  const scope = credentialScope(date, purpose.region);
  const key = scope.reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secretAccessKey}`);
  const signature = hmac(key, [sigV4Algorithm, date, scope.join('/'), sha256(canonical)].join('\n')).toString('hex');
  return { date, accessKeyId, sessionToken, signature };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
