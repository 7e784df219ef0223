import { grantMessage, signGrant } from '#shared/identity/grant.ts';
import type { StsPurpose } from '#shared/identity/sts-request.ts';
import { backoff, post } from './ask-muster.ts';
import { type Metadata, readMetadata } from './imds.ts';
import type { MusterAnswer } from './muster-answer.ts';
import type { AgentOptions, Settings } from './options.ts';
import { type AgentKey, newAgentKey, signEnrollment, signRotation } from './proof-request.ts';
import { type AgentState, newState, saveState } from './state-file.ts';
import { readInstanceCredentials, signCallerIdentity } from './sts-proof.ts';

/** Muster's refusals that waiting may cure; every other is final until something changes on the instance. */
const curable = new Set([
  ...['retry', 'busy', 'instance_not_described', 'instance_not_running', 'stale_document', 'document_from_future'],
  ...['clock_skew', 'internal', 'sts_unavailable'],
]);

/** A grant that has once enrolled this instance is not shown again: who was released does not come back by itself. */
const freshGrant = (state: AgentState, { grant }: Settings): Settings['grant'] =>
  grant && state.usedGrants.includes(grant.id) ? undefined : grant;

/** Binds the agent's key to its instance. False if Muster will not, or if the agent is told to stop before it has. */
export async function enroll(state: AgentState, settings: Settings, options: AgentOptions): Promise<boolean> {
  const grant = freshGrant(state, settings);
  const refused = (code: string) => saveState(options.folder, Object.assign(state, { refused: code }));
  const answer = await ask({ key: state.key, settings, grant, refused }, options);
  if (!answer?.enrolled) return false;
  const usedGrants = [...state.usedGrants, ...(grant ? [grant.id] : [])];
  await saveState(options.folder, Object.assign(state, { enrolled: answer.enrolled, refused: null, usedGrants }));
  options.say(`enrolled as ${state.key.id}`);
  return true;
}

/**
 * Puts another key in the place of the enrolled one. The new key is stored before the first request, and the old one is
 * not used again until Muster has said no: if the answer is lost, the new one may be the enrolled one already.
 */
export async function rotateKey(state: AgentState, settings: Settings, options: AgentOptions): Promise<void> {
  if (state.next?.for === 're-enrollment') return options.say('not rotated: the key is in conflict');
  const { key } = state.next ?? { key: newAgentKey() };
  await saveState(options.folder, Object.assign(state, { next: { key, for: 'rotation' } }));
  const answer = await ask({ key, settings, previous: state.key }, options);
  if (answer?.enrolled) {
    const { seq, usedGrants } = state;
    Object.assign(state, { ...newState(state.instanceId, options.newLink(), key), seq, usedGrants });
    await saveState(options.folder, Object.assign(state, { enrolled: answer.enrolled }));
    options.say(`rotated to ${key.id}`);
  } else if (answer) await saveState(options.folder, Object.assign(state, { next: null }));
}

/**
 * After the end of an enrollment: with a grant that was not used yet, or with the key that the agent named in a conflict,
 * it asks once more. An agent that was simply released has neither, and rests.
 */
export async function reenroll(state: AgentState, settings: Settings, options: AgentOptions): Promise<boolean> {
  if (!freshGrant(state, settings) && state.next?.for !== 're-enrollment') return false;
  const { next, usedGrants, instanceId } = state;
  Object.assign(state, { ...newState(instanceId, options.newLink(), next?.key), usedGrants });
  await saveState(options.folder, state);
  return enroll(state, settings, options);
}

interface Asking {
  key: AgentKey;
  settings: Settings;
  grant?: Settings['grant'];
  previous?: AgentKey;
  refused?: (code: string) => Promise<void>;
}

/** Asks until there is an answer that waiting cannot better; undefined if the agent is told to stop before. */
async function ask(asking: Asking, options: AgentOptions): Promise<MusterAnswer | undefined> {
  for (let tries = 0; !options.stopped(); tries++) {
    const request = await prepare(asking, options).catch((error: Error) => void options.say(error.message));
    const answer = request && (await post(options, `${asking.settings.url}/v1/enroll`, request));
    if (answer?.enrolled) return answer;
    const code = answer?.code;
    if (code) await asking.refused?.(code);
    const reference = answer?.reference ? ` (${answer.reference})` : '';
    options.say(`not ${asking.previous ? 'rotated' : 'enrolled'}: ${code ?? 'unreachable'}${reference}`);
    if (code && !curable.has(code)) return answer;
    await options.wait(answer?.retryAfterSeconds ?? backoff(tries, options.random));
  }
  return undefined;
}

/** Reads the metadata of this moment and signs a request with it. Throws if the metadata service does not answer as it should. */
async function prepare({ key, settings, grant, previous }: Asking, options: AgentOptions) {
  const metadata = await readMetadata(options.metadataEndpoint, options.fetch);
  const [aud, jti, iat] = [settings.url, options.newId(), Math.floor(options.now() / 1000)];
  const message = grantMessage(aud, key.id, jti);
  const payload = {
    ...{ aud, iat, jti },
    proof: await proofOf(metadata, settings, { aud, jkt: key.id, jti }, options),
    agent: options.describe(),
    ...(grant && { grant: { id: grant.id, signature: signGrant(Buffer.from(grant.seed, 'base64url'), message) } }),
    ...(previous && {
      previous: signRotation(previous, { htm: 'POST', htu: `${aud}/v1/enroll`, iat, jti, jkt: key.id }),
    }),
  };
  return { body: signEnrollment(key, payload), headers: { 'content-type': 'application/jose' } };
}

/** The Region is the document's: that is the one whose STS Muster asks. */
async function proofOf(
  { rsa2048, document }: Metadata,
  settings: Settings,
  purpose: Omit<StsPurpose, 'region'>,
  options: AgentOptions,
) {
  if (settings.proof !== 'sts') return { kind: 'iid-rsa2048', rsa2048, document };
  const credentials = await readInstanceCredentials(options.metadataEndpoint, options.fetch);
  const { region } = JSON.parse(document) as { region: string };
  const sts = signCallerIdentity({ region, ...purpose }, credentials, new Date(options.now()));
  return { kind: 'sts', rsa2048, document, sts };
}
