import { endsEnrollment, losesEnrollment } from '#protocol/refusals.ts';
import type { Settings } from '#protocol/settings.ts';
import { backoff } from '../backoff.ts';
import { comeBack } from '../enroll/come-back.ts';
import { reenroll } from '../enroll/enroll.ts';
import { rotateKey } from '../enroll/rotate-key.ts';
import type { MusterAnswer } from '../muster/answer.ts';
import type { AgentPorts } from '../ports.ts';
import { type AgentState, newLink } from '../state/state.ts';
import { nameNextKey } from './name-next-key.ts';
import { reportStolenKey } from './report-stolen-key.ts';
import { sendNextCheckIn } from './send-check-in.ts';

/** Checks in until the agent has to stop, or until Muster has ended its enrollment and does not enroll it again. */
export async function checkInUntilEnd(
  state: AgentState,
  settings: Settings,
  ports: AgentPorts,
): Promise<'stopped' | 'refused'> {
  let failures = 0;
  let overtakenAt: string | undefined;
  let rotatesAt = Number.NEGATIVE_INFINITY;
  while (!ports.stopped() && state.enrolled) {
    const rotates = ports.rotationAsked() || state.next?.for === 'rotation';
    if (rotates && ports.now() >= rotatesAt) {
      const again = await rotateKey(state, settings, ports);
      rotatesAt = ports.now() + (again ?? 0) * 1000;
      continue;
    }
    const answer = await sendNextCheckIn(state, state.enrolled.checkinUrl, overtakenAt, ports);
    if (answer?.code && endsEnrollment(answer.code)) {
      ports.say(`no longer enrolled: ${answer.code}`);
      const former = { ...state };
      if (await reenroll(state, settings, ports)) continue;
      if (answer.code === 'key_denied') await reportStolenKey(former, ports);
      return ports.stopped() ? 'stopped' : 'refused';
    }
    if (answer?.code && losesEnrollment(answer.code)) {
      const back = await comeBack(state, settings, ports);
      if (back === 'refused') return 'refused';
      failures += 1;
      // Enrolled, and unknown again: no answer of Muster's makes the agent send without a pause.
      if (back !== 'enrolled') await ports.wait(back);
      else if (failures > 1) await ports.wait(backoff(failures, ports.random));
      continue;
    }
    if (answer) overtakenAt = answer.overtakenAt;
    await applyAnswer(answer, state, ports);
    failures = answer?.ok ? 0 : failures + 1;
    const usual = failures > 0 ? backoff(failures, ports.random) : state.enrolled.checkinIntervalSeconds;
    await ports.wait(answer?.nextCheckinSeconds ?? answer?.retryAfterSeconds ?? usual);
  }
  return 'stopped';
}

async function applyAnswer(answer: MusterAnswer | undefined, state: AgentState, ports: AgentPorts): Promise<void> {
  if (answer?.linkTaken) Object.assign(state, { previousLink: state.link, link: newLink(ports) });
  // Another run of this agent has sent a higher number, or another machine has its key. The links of the next check-ins show which.
  if (answer?.code === 'stale_sequence') {
    state.seq = Math.max(state.seq, answer.seq ?? 0);
    ports.say(`sequence number too low: continuing after ${state.seq}`);
  }
  if (answer?.code === 'identity_conflict') await nameNextKey(state, ports);
}
