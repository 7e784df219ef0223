import type { AgentPorts } from '../ports.ts';

/** What the agent reads about its instance, by IMDSv2 (AWSEC2/latest/UserGuide/instancedata-data-retrieval.html). */
export interface Metadata {
  instanceId: string;
  document: string;
  rsa2048: string;
  /** Empty if the instance was launched without user data. */
  userData: string;
}

const tokenSeconds = 300;

/** The service is on the instance's own host and answers in milliseconds. Without a limit a request that hangs would stop the agent. */
const requestSeconds = 5;

export type MetadataPorts = Pick<AgentPorts, 'fetch' | 'timeout' | 'metadataEndpoint'>;

/** Reads one path below `/latest/`. For a path that does not exist it returns `absent`, and throws if that is not given. */
type Read = (path: string, absent?: string) => Promise<string>;

/** Gets a token and returns a reader that uses it. Both throw if the metadata service does not answer or answers with an error. */
export async function openMetadata({ fetch, timeout, metadataEndpoint }: MetadataPorts): Promise<Read> {
  const get = (path: string, init: RequestInit) =>
    fetch(`${metadataEndpoint}/latest/${path}`, { ...init, signal: timeout(requestSeconds) });
  const answer = await get('api/token', {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': String(tokenSeconds) },
  });
  if (!answer.ok) throw new Error(`the metadata service gave no token: ${answer.status}`);
  const headers = { 'x-aws-ec2-metadata-token': await answer.text() };
  return async (path, absent) => {
    const page = await get(path, { headers });
    if (page.status === 404 && absent !== undefined) return absent;
    if (!page.ok) throw new Error(`the metadata service answered ${page.status} for ${path}`);
    return page.text();
  };
}

/** Reads what every agent needs. Throws if the metadata service does not answer or answers with an error. */
export async function readMetadata(ports: MetadataPorts): Promise<Metadata> {
  const read = await openMetadata(ports);
  const identity = 'dynamic/instance-identity';
  const [instanceId, document, rsa2048, userData] = await Promise.all([
    read('meta-data/instance-id'),
    read(`${identity}/document`),
    read(`${identity}/rsa2048`),
    read('user-data', ''),
  ]);
  return { instanceId, document, rsa2048, userData };
}
