/** What the agent reads of its instance, by IMDSv2 (AWSEC2/latest/UserGuide/instancedata-data-retrieval.html). */
export interface Metadata {
  instanceId: string;
  document: string;
  rsa2048: string;
  /** Empty where the instance was launched without any. */
  userData: string;
}

const tokenSeconds = 300;

/** Reads all of it with one token. Throws if the metadata service does not answer as it should. */
export async function readMetadata(endpoint: string, get: typeof fetch): Promise<Metadata> {
  const answer = await get(`${endpoint}/latest/api/token`, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': String(tokenSeconds) },
  });
  if (!answer.ok) throw new Error(`the metadata service gave no token: ${answer.status}`);
  const headers = { 'x-aws-ec2-metadata-token': await answer.text() };
  const read = async (path: string, absent?: string): Promise<string> => {
    const page = await get(`${endpoint}/latest/${path}`, { headers });
    if (page.status === 404 && absent !== undefined) return absent;
    if (!page.ok) throw new Error(`the metadata service answered ${page.status} for ${path}`);
    return page.text();
  };
  const identity = 'dynamic/instance-identity';
  const [instanceId, document, rsa2048, userData] = await Promise.all([
    read('meta-data/instance-id'),
    read(`${identity}/document`),
    read(`${identity}/rsa2048`),
    read('user-data', ''),
  ]);
  return { instanceId, document, rsa2048, userData };
}
