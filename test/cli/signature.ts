import { createHash, createHmac } from 'node:crypto';

/** A request as it arrived. */
export interface Arrived {
  method: string;
  /** The request target: path and query, as sent. */
  target: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/**
 * The Authorization header that a request must have, worked out from what arrived and from AWS's description alone
 * (IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
export function authorizationOf({ method, target, headers, body }: Arrived, secret: string): string {
  const { credential = '', signed = '' } =
    /Credential=(?<credential>[^,]+), SignedHeaders=(?<signed>[^,]+)/.exec(String(headers.authorization))?.groups ?? {};
  const [, ...scope] = credential.split('/');
  const [path = '', query = ''] = target.split('?');
  const canonical = [
    method,
    path.split('/').map(encode).join('/'),
    canonicalQuery(query),
    ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    sha256(body),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secret}`);
  const signature = hmac(key, toSign).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`;
}

function canonicalQuery(query: string): string {
  const pairs = query.split('&').filter((pair) => pair !== '');
  const decoded = pairs.map((pair) => pair.split('=').map(decodeURIComponent));
  return decoded
    .map(([name = '', value = '']) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
