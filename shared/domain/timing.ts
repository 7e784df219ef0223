import { clockSkewSeconds } from '#protocol/token.ts';

/** Every duration that a rule of Muster depends on, in seconds, and every bound on how often. One value, handed to the core; clocks are never scaled. */
export interface Timing {
  /** Two stamps closer than this may have happened in either order (W). EC2 stamps events with whole seconds. */
  orderingWindowSeconds: number;
  /** The same for events of another Region than Muster's: EventBridge stamps them anew when they arrive (eventbridge/latest/userguide/eb-cross-region.html). */
  crossRegionWindowSeconds: number;
  /** How long EC2's answers may lag behind what happened (S); AWS advises to back off up to five minutes: ec2/latest/devguide/eventual-consistency.html */
  stalenessSeconds: number;
  /** Events stamped further ahead of our clock than this are not believed. */
  futureToleranceSeconds: number;
  /** Events stamped longer ago than this change nothing; below the 30 days for which ended instances are kept. */
  oldestEventSeconds: number;
  /** Ended instances are kept this long. */
  keepTerminatedSeconds: number;
  /** From "running, and known to Muster" to discovered-only. */
  enrollmentDeadlineSeconds: number;
  /** Instances first seen by a sweep get up to this much more, by hash, so that a new account does not fall due at once. */
  sweepGraceSeconds: number;
  /** From the launch request to `pending`; nothing is sent after it. */
  launchToPendingSeconds: number;
  /** A launch that waits this long for EC2's answer is asked for again: its first message may be lost. */
  launchNudgeSeconds: number;
  /** From the launch request to `running`. */
  launchToRunningSeconds: number;
  /** An instance that no complete sweep saw for this long ends a withheld mass removal. */
  massRemovalReleaseSeconds: number;
  /** How often agents check in. */
  checkinIntervalSeconds: number;
  /** Agents' and servers' clocks may differ by this much. */
  clockSkewSeconds: number;
  /** An enrollment key enrolls instances at most this long after EC2 saw them running, unless it names them. */
  enrollmentWindowSeconds: number;
  /** How long an operator's re-enrollment waits for the key that it named. */
  reenrollSeconds: number;
  /** How long before an enrollment key's end somebody is told of it. */
  keyWarningSeconds: readonly number[];
  /** The last use of an enrollment key without a limit is noted at most this often. */
  keyUseNoteSeconds: number;
  /** A transition that is missing is asked for only if it is still missing after this. */
  doubtSettlesSeconds: number;
  /** When a doubtful answer is asked again; after the last, the sweep decides. */
  verifyRetrySeconds: readonly number[];
  /** A record whose deadline could not be handled is put off by this. */
  putOffSeconds: number;
  /** A refused agent is noted on its instance's record at most this often. */
  attemptNoteSeconds: number;
  /** After a restore, a chain of check-ins may begin anew for this long. */
  restoreOpenSeconds: number;
  /** What one agent says of its state is applied at most this often. */
  reportSeconds: number;
  /** How many other boot ids of one instance are applied in an hour. */
  bootIdsPerHour: number;
  /** How many times an agent may put another key in its key's place in an hour. */
  rotationsPerHour: number;
}

export const defaultTiming: Timing = Object.freeze({
  orderingWindowSeconds: 2,
  crossRegionWindowSeconds: 60,
  stalenessSeconds: 300,
  futureToleranceSeconds: 300,
  oldestEventSeconds: 25 * 86_400,
  keepTerminatedSeconds: 30 * 86_400,
  enrollmentDeadlineSeconds: 900,
  sweepGraceSeconds: 1800,
  launchToPendingSeconds: 300,
  launchNudgeSeconds: 60,
  launchToRunningSeconds: 900,
  massRemovalReleaseSeconds: 3600,
  checkinIntervalSeconds: 60,
  clockSkewSeconds,
  enrollmentWindowSeconds: 900,
  reenrollSeconds: 900,
  keyWarningSeconds: [7 * 86_400, 86_400],
  keyUseNoteSeconds: 60,
  doubtSettlesSeconds: 30,
  verifyRetrySeconds: [2, 8, 32],
  putOffSeconds: 300,
  attemptNoteSeconds: 3600,
  restoreOpenSeconds: 7200,
  reportSeconds: 5,
  bootIdsPerHour: 10,
  rotationsPerHour: 6,
});

/** An agent is silent after four intervals and twenty seconds of running without a word. */
export function silentAfterSeconds(timing: Timing): number {
  return 4 * timing.checkinIntervalSeconds + 20;
}
