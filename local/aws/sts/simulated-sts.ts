import { createHash, createHmac } from 'node:crypto';
import { hex, type Random } from '../../random.ts';
import { partitionOf } from '../ec2/simulated-instance.ts';

/** Temporary credentials as IMDS hands them out. */
export interface TemporaryCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  issuedAt: Date;
  expiresAt: Date;
}

/** A role's session, by the parts of its ARN. */
export interface RoleSession {
  region: string;
  account: string;
  role: string;
  session: string;
}

export interface SimulatedStsOptions {
  now: () => Date;
  random: Random;
}

type Issued = TemporaryCredentials & RoleSession;

interface StsError {
  status: number;
  code: string;
  message: string;
}

/** About what was seen of an instance's own credentials: a page of 2022 shows 6 hours and 20 minutes. */
const lifeMs = 6 * 3_600_000;
/** New ones are there at least five minutes before the old ones end (instance-metadata-security-credentials.html). */
const overlapMs = 5 * 60_000;
const skewMs = 15 * 60_000;

/** STS in AWS's place: issues an instance's own credentials, and answers GetCallerIdentity to what they have signed. */
export class SimulatedSts {
  readonly #options: SimulatedStsOptions;
  readonly #issued = new Map<string, Issued>();
  readonly #current = new Map<string, Issued>();
  /** Every request that reached it. */
  readonly requests: Request[] = [];

  constructor(options: SimulatedStsOptions) {
    this.#options = options;
  }

  /** The credentials that an instance's metadata shows now; they change before they end. */
  instanceCredentials(instance: { region: string; account: string; instanceId: string }): TemporaryCredentials {
    const { region, account, instanceId } = instance;
    const place = `${account} ${region} ${instanceId}`;
    const current = this.#current.get(place);
    if (current && current.expiresAt.getTime() - overlapMs > this.#options.now().getTime()) return current;
    const issued = this.#issue({ region, account, role: 'aws:ec2-instance', session: instanceId });
    this.#current.set(place, issued);
    return issued;
  }

  /** As AssumeRole, for whom the trust policy lets: the caller chooses the session's name. */
  assumeRole(session: RoleSession): TemporaryCredentials {
    if (!/^[\w+=,.@-]{1,64}$/.test(session.role)) throw new Error(`IAM takes no role named ${session.role}`);
    return this.#issue(session);
  }

  /** For a function that is given `fetch`: every host is this STS. */
  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    this.requests.push(request);
    const json = request.headers.get('accept') === 'application/json';
    const { status, body } = await this.#answer(request);
    if (json) return Response.json(body, { status });
    return new Response(toXml(body), { status, headers: { 'content-type': 'text/xml' } });
  };

  #issue(session: RoleSession): Issued {
    const { now, random } = this.#options;
    const base64 = (bytes: number) => Buffer.from(hex(random, bytes * 2), 'hex').toString('base64');
    const issuedAt = now();
    const issued: Issued = {
      ...session,
      accessKeyId: `ASIA${hex(random, 16).toUpperCase()}`,
      secretAccessKey: base64(30),
      sessionToken: `IQoJb3JpZ2luX2Vj${base64(600)}`,
      issuedAt,
      expiresAt: new Date(issuedAt.getTime() + lifeMs),
    };
    this.#issued.set(issued.accessKeyId, issued);
    return issued;
  }

  async #answer(request: Request): Promise<{ status: number; body: object }> {
    const requestId = `${hex(this.#options.random, 8)}-0000-4000-8000-${hex(this.#options.random, 12)}`;
    const body = await request.clone().text();
    const judged = this.#authenticate(request, body);
    const outcome = 'code' in judged ? judged : (refuseAction(body) ?? judged);
    if ('code' in outcome) {
      const { status, code: Code, message: Message } = outcome;
      return { status, body: { Error: { Code, Message, Type: 'Sender' }, RequestId: requestId } };
    }
    const { account: Account, role, session } = outcome;
    const result = {
      Account,
      Arn: `arn:${partitionOf(outcome.region)}:sts::${Account}:assumed-role/${role}/${session}`,
      UserId: `${role === 'aws:ec2-instance' ? `${Account}:${role}` : 'AROAIDEXAMPLE'}:${session}`,
    };
    const ResponseMetadata = { RequestId: requestId };
    return { status: 200, body: { GetCallerIdentityResponse: { GetCallerIdentityResult: result, ResponseMetadata } } };
  }

  /** Who signed: IAM/latest/UserGuide/reference_sigv-create-signed-request.html, from the request alone. */
  #authenticate(request: Request, body: string): Issued | StsError {
    const authorization = request.headers.get('authorization');
    if (authorization === null)
      return stsError('MissingAuthenticationToken', 'Request is missing Authentication Token');
    const [, credential = '', names = '', signature] =
      /^AWS4-HMAC-SHA256 Credential=([^, ]+), ?SignedHeaders=([^, ]+), ?Signature=([^, ]+)$/.exec(authorization) ?? [];
    const [accessKeyId = '', ...scope] = credential.split('/');
    if (signature === undefined || scope.length !== 4) return stsError('IncompleteSignature', 'Authorization', 400);
    const issued = this.#issued.get(accessKeyId);
    if (!issued || request.headers.get('x-amz-security-token') !== issued.sessionToken) {
      return stsError('InvalidClientTokenId', 'The security token included in the request is invalid');
    }
    const now = this.#options.now().getTime();
    if (issued.expiresAt.getTime() <= now) {
      return stsError('ExpiredToken', 'The security token included in the request is expired');
    }
    const wrong =
      wrongTime(request, now) ?? wrongScope(request, scope) ?? unsignedHeader(request, names.split(';')) ?? null;
    if (wrong !== null) return stsError('SignatureDoesNotMatch', wrong);
    if (signatureOf(request, body, names.split(';'), scope, issued.secretAccessKey) === signature) return issued;
    return stsError(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the one you provided.',
    );
  }
}

function wrongTime(request: Request, now: number): string | undefined {
  const date = request.headers.get('x-amz-date') ?? '';
  const time = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(time)) return 'Date must be in ISO-8601 basic format';
  if (time < now - skewMs) return `Signature expired: ${date} is now earlier than the server's time - 15 min.`;
  return time > now + skewMs ? `Signature not yet current: ${date} is still later than the server's time` : undefined;
}

function wrongScope(request: Request, scope: readonly string[]): string | undefined {
  const [, region] = new URL(request.url).hostname.split('.'); // sts.<region>.amazonaws.com
  const expected = [request.headers.get('x-amz-date')?.slice(0, 8), region, 'sts', 'aws4_request'];
  return scope.join('/') === expected.join('/') ? undefined : 'Credential should be scoped to a valid region.';
}

function unsignedHeader(request: Request, signed: readonly string[]): string | undefined {
  const needed = ['host', ...[...request.headers.keys()].filter((name) => name.startsWith('x-amz-'))];
  const missing = needed.find((name) => !signed.includes(name));
  return missing && `'${missing}' must be a 'SignedHeader' in the AWS Authorization.`;
}

function signatureOf(
  { method, url, headers }: Request,
  body: string,
  signed: readonly string[],
  scope: readonly string[],
  secret: string,
): string {
  const { host, pathname, searchParams } = new URL(url);
  const line = (name: string) =>
    `${name}:${(name === 'host' ? host : (headers.get(name) ?? '')).trim().replace(/ +/g, ' ')}\n`;
  const query = [...searchParams].map((pair) => pair.map(encodeURIComponent).join('=')).sort();
  const parts = [method, pathname, query.join('&'), signed.map(line).join(''), signed.join(';'), sha256(body)];
  const toSign = ['AWS4-HMAC-SHA256', headers.get('x-amz-date'), scope.join('/'), sha256(parts.join('\n'))];
  const key = scope.reduce<Buffer>((last, part) => hmac(last, part), Buffer.from(`AWS4${secret}`));
  return hmac(key, toSign.join('\n')).toString('hex');
}

/** Only the one action, in the body: what else STS can do, Muster never asks. */
function refuseAction(body: string): StsError | undefined {
  const parameters = new URLSearchParams(body);
  if (parameters.get('Action') === 'GetCallerIdentity' && parameters.get('Version') === '2011-06-15') return undefined;
  return stsError('InvalidAction', 'Could not find operation', 400);
}

const stsError = (code: string, message: string, status = 403): StsError => ({ status, code, message });

const toXml = (value: object): string =>
  Object.entries(value)
    .map(([name, content]) => `<${name}>${typeof content === 'object' ? toXml(content) : content}</${name}>`)
    .join('');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
