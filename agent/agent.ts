import { grantMessage, signGrant } from '#shared/identity/grant.ts';
import { type Metadata, readMetadata } from './imds.ts';
import { type MusterAnswer, readAnswer } from './muster-answer.ts';
import { bodyHash, signAgentToken, signEnrollment } from './proof-request.ts';
import { type AgentState, openState, saveState } from './state-file.ts';

export interface AgentOptions {
  /** Where the agent keeps its key and what it knows. */
  folder: string;
  metadataEndpoint: string;
  /** Where to enroll, and the grant to show; overrides the instance's user data. */
  settings?: Settings | undefined;
  describe: () => AgentDescription;
  newId: () => string;
  /** In [0, 1). */
  random: () => number;
  now: () => number;
  fetch: typeof fetch;
  /** Resolves after so many seconds, or at once when the agent is told to stop. */
  wait: (seconds: number) => Promise<void>;
  stopped: () => boolean;
  say: (line: string) => void;
}

export interface Settings {
  url: string;
  grant?: { id: string; seed: string };
}

export interface AgentDescription {
  version: string;
  os: string;
  osVersion: string;
  arch: string;
  hostname: string;
  bootId: string;
}

/** Muster's refusals that waiting may cure; every other is final until something changes on the instance. */
const curable = new Set([
  ...['retry', 'busy', 'instance_not_described', 'instance_not_running', 'stale_document', 'document_from_future'],
  ...['clock_skew', 'internal'],
]);
const shortestWaitSeconds = 1;
const longestWaitSeconds = 60;

/** Enrolls, then checks in until it is told to stop. Returns what came of it. */
export async function runAgent(options: AgentOptions): Promise<'stopped' | 'refused' | 'unmanaged'> {
  const metadata = await patiently(options, () => readMetadata(options.metadataEndpoint, options.fetch));
  if (!metadata) return 'stopped';
  const settings = options.settings ?? readSettings(metadata.userData);
  if (!settings) return 'unmanaged';
  const state = await openState(options.folder, metadata.instanceId);
  if (!state.enrolled && !(await enroll(state, settings, options))) return options.stopped() ? 'stopped' : 'refused';
  return checkInForever(state, options);
}

/** `{"muster":{"url","grant":{"id","seed"}}}` in the user data; undefined where the instance was launched without. */
function readSettings(userData: string): Settings | undefined {
  try {
    const { muster } = JSON.parse(userData) as { muster?: Settings };
    return typeof muster?.url === 'string' ? muster : undefined;
  } catch {
    return undefined;
  }
}

async function enroll(state: AgentState, settings: Settings, options: AgentOptions): Promise<boolean> {
  for (let tries = 0; !options.stopped(); tries++) {
    const metadata = await readMetadata(options.metadataEndpoint, options.fetch).catch(() => undefined);
    const answer =
      metadata && (await post(options, `${settings.url}/v1/enroll`, request(state, settings, metadata, options)));
    if (answer?.enrolled) {
      await saveState(options.folder, Object.assign(state, { enrolled: answer.enrolled, refused: null }));
      options.say(`enrolled as ${state.key.id}`);
      return true;
    }
    const code = answer?.code;
    if (code) await saveState(options.folder, Object.assign(state, { refused: code }));
    options.say(`not enrolled: ${code ?? 'unreachable'}${answer?.reference ? ` (${answer.reference})` : ''}`);
    if (code && !curable.has(code)) return false;
    await options.wait(answer?.retryAfterSeconds ?? backoff(tries, options.random));
  }
  return false;
}

function request(state: AgentState, settings: Settings, metadata: Metadata, options: AgentOptions) {
  const jti = options.newId();
  const { url: aud, grant } = settings;
  const payload = {
    aud,
    iat: Math.floor(options.now() / 1000),
    jti,
    proof: { kind: 'iid-rsa2048', rsa2048: metadata.rsa2048, document: metadata.document },
    agent: options.describe(),
    ...(grant && {
      grant: {
        id: grant.id,
        signature: signGrant(Buffer.from(grant.seed, 'base64url'), grantMessage(aud, state.key.id, jti)),
      },
    }),
  };
  return { body: signEnrollment(state.key, payload), headers: { 'content-type': 'application/jose' } };
}

async function checkInForever(state: AgentState, options: AgentOptions): Promise<'stopped' | 'refused'> {
  let failures = 0;
  while (!options.stopped() && state.enrolled) {
    const { checkinUrl, checkinIntervalSeconds } = state.enrolled;
    state.seq += 1;
    await saveState(options.folder, state);
    const answer = await post(options, checkinUrl, checkin(state, checkinUrl, options));
    if (answer?.code === 'agent_unknown' || answer?.code === 'key_denied') {
      options.say(`no longer enrolled: ${answer.code}`);
      return 'refused';
    }
    // Another run of this agent got further: its number is the one to go on from.
    if (answer?.code === 'stale_sequence') state.seq = Math.max(state.seq, answer.seq ?? 0);
    failures = answer?.ok ? 0 : failures + 1;
    const usual = failures > 0 ? backoff(failures, options.random) : checkinIntervalSeconds;
    await options.wait(answer?.nextCheckinSeconds ?? usual);
  }
  return 'stopped';
}

function checkin(state: AgentState, htu: string, options: AgentOptions) {
  const body = JSON.stringify({ bootId: options.describe().bootId, state: 'operational' });
  const iat = Math.floor(options.now() / 1000);
  const token = signAgentToken(state.key, { htm: 'POST', htu, iat, seq: state.seq, bsh: bodyHash(body) });
  return { body, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` } };
}

/** Undefined where nobody answered: the network, or something that is no Muster. */
async function post(
  options: AgentOptions,
  url: string,
  init: { body: string; headers: Record<string, string> },
): Promise<MusterAnswer | undefined> {
  try {
    const answer = await options.fetch(url, {
      method: 'POST',
      ...init,
      redirect: 'error',
      signal: AbortSignal.timeout(10_000),
    });
    return readAnswer(answer.ok, await answer.json());
  } catch {
    return undefined;
  }
}

async function patiently<T>(options: AgentOptions, read: () => Promise<T>): Promise<T | undefined> {
  for (let tries = 0; !options.stopped(); tries++) {
    try {
      return await read();
    } catch (error) {
      options.say(error instanceof Error ? error.message : String(error));
      await options.wait(backoff(tries, options.random));
    }
  }
  return undefined;
}

/** Doubling, with full jitter so that a fleet does not come back at once (aws.amazon.com/blogs/architecture, exponential backoff and jitter). */
const backoff = (tries: number, random: () => number): number =>
  shortestWaitSeconds + random() * Math.min(longestWaitSeconds, shortestWaitSeconds * 2 ** tries);
