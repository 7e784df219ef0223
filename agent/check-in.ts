import { backoff, post } from './ask-muster.ts';
import { reenroll, rotateKey } from './enroll.ts';
import type { MusterAnswer } from './muster-answer.ts';
import type { AgentOptions, Settings } from './options.ts';
import { bodyHash, newAgentKey, signAgentToken } from './proof-request.ts';
import { type AgentState, saveState } from './state-file.ts';

const ended = new Set(['agent_unknown', 'key_denied']);
/**
 * A thief who rotated this key is in doubt once the true agent signs by it a skew after the rotation: the five minutes that
 * clocks may differ, and a little more.
 */
const lastWordAfterSeconds = 330;

/** Checks in until it is told to stop, or until its enrollment is ended for good. */
export async function checkInForever(
  state: AgentState,
  settings: Settings,
  options: AgentOptions,
): Promise<'stopped' | 'refused'> {
  let failures = 0;
  let overtakenAt: string | undefined;
  while (!options.stopped() && state.enrolled) {
    if (options.rotationAsked() || state.next?.for === 'rotation') {
      await rotateKey(state, settings, options);
      continue;
    }
    const answer = await checkInOnce(state, state.enrolled.checkinUrl, overtakenAt, options);
    if (answer?.code && ended.has(answer.code)) {
      options.say(`no longer enrolled: ${answer.code}`);
      const former = { ...state };
      if (await reenroll(state, settings, options)) continue;
      if (answer.code === 'key_denied') await reportStolenKey(former, options);
      return options.stopped() ? 'stopped' : 'refused';
    }
    if (answer) overtakenAt = answer.overtakenAt;
    await heed(answer, state, options);
    failures = answer?.ok ? 0 : failures + 1;
    const usual = failures > 0 ? backoff(failures, options.random) : state.enrolled.checkinIntervalSeconds;
    await options.wait(answer?.nextCheckinSeconds ?? answer?.retryAfterSeconds ?? usual);
  }
  return 'stopped';
}

/** Number and link are on the disk before they are sent: after a crash the agent sends the same link again, or the next. */
async function checkInOnce(
  state: AgentState,
  htu: string,
  overtakenAt: string | undefined,
  options: AgentOptions,
): Promise<MusterAnswer | undefined> {
  state.seq += 1;
  await saveState(options.folder, state);
  return send(state, htu, overtakenAt, options);
}

async function reportStolenKey(former: AgentState, options: AgentOptions): Promise<void> {
  if (options.stopped()) return;
  await options.wait(lastWordAfterSeconds);
  const { enrolled, seq } = former;
  if (enrolled) await send({ ...former, seq: seq + 1 }, enrolled.checkinUrl, undefined, options);
}

function send(state: AgentState, htu: string, overtakenAt: string | undefined, options: AgentOptions) {
  const { instanceId, link, previousLink, seq } = state;
  const links = { link, previousLink, ...(overtakenAt !== undefined && { overtakenAt }) };
  const report = { instanceId, bootId: options.describe().bootId, state: 'operational', ...links };
  const body = JSON.stringify(report);
  const iat = Math.floor(options.now() / 1000);
  const token = signAgentToken(state.key, { htm: 'POST', htu, iat, seq, bsh: bodyHash(body) });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return post(options, htu, { body, headers });
}

async function heed(answer: MusterAnswer | undefined, state: AgentState, options: AgentOptions): Promise<void> {
  if (answer?.linkTaken) Object.assign(state, { previousLink: state.link, link: options.newLink() });
  // Another run of this agent got further, or another machine has its key. From this number on the links show which.
  if (answer?.code === 'stale_sequence') {
    state.seq = Math.max(state.seq, answer.seq ?? 0);
    options.say(`overtaken: going on from number ${state.seq}`);
  }
  if (answer?.code === 'identity_conflict') await nameNextKey(state, options);
}

/**
 * Another machine has this agent's key and speaks with it. A key that only this machine has is made now, and named where
 * an operator can read it: whoever is asked to re-enroll the instance by that name re-enrolls this machine.
 */
async function nameNextKey(state: AgentState, options: AgentOptions): Promise<void> {
  if (state.next?.for !== 're-enrollment')
    await saveState(options.folder, Object.assign(state, { next: { key: newAgentKey(), for: 're-enrollment' } }));
  options.say(
    `identity conflict: re-enroll ${state.instanceId} by agentId ${state.next?.key.id} if it is this machine`,
  );
}
