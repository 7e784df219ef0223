/** What an agent may say about itself. The words are those of RightLink, RightScale's agent. */
export const agentStates = [
  'booting',
  'operational',
  'stranded in booting',
  'decommissioning',
  'decommissioned',
] as const;
type AgentState = (typeof agentStates)[number];

/** Random bytes in a link. */
export const linkBytes = 16;

/** The id of one boot: a UUID of the operating system or of the agent. */
export const bootIdPattern = /^[0-9A-Za-z-]{1,36}$/;

/** The body of `POST /v1/checkin`, as JSON. */
export interface CheckinReport {
  instanceId: string;
  /** Matches `bootIdPattern`. */
  bootId: string;
  state: AgentState;
  /** Random, `linkBytes` in base64url. The agent sends the same link until Muster has taken it. */
  link: string;
  /** The last link that Muster has taken; null before the first. */
  previousLink: string | null;
  /** `overtakenAt` of the answer before, if that was `stale_sequence`. */
  overtakenAt?: string | undefined;
}

/** The answer to an accepted check-in. */
export interface CheckinAnswer {
  nextCheckinSeconds: number;
  /** `taken`: Muster has recorded the link, and the next check-in brings another. `open`: it brings the same link again. */
  link: 'taken' | 'open';
  tasks: readonly never[];
}
