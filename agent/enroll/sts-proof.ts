import { createHash, createHmac } from 'node:crypto';
import {
  callerIdentityBody,
  credentialScope,
  formatAmzDate,
  type StsPurpose,
  type StsSignature,
  signedHeaders,
  sigV4Algorithm,
  stsHosts,
} from '#protocol/sts.ts';
import type { InstanceCredentials } from '../imds/credentials.ts';

/**
 * Signs the GetCallerIdentity request that Muster will send (IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 * The secret key stays on the instance; the session token alone is useless.
 */
export function signCallerIdentity(
  purpose: StsPurpose,
  { accessKeyId, secretAccessKey, sessionToken }: InstanceCredentials,
  now: Date,
): StsSignature {
  const date = formatAmzDate(now);
  const host = stsHosts.get(purpose.region)?.host;
  if (!host) throw new Error(`no STS host is known for ${purpose.region}`);
  const headers = signedHeaders(host, purpose, { date, sessionToken });
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
