import type { ProofKind } from '#protocol/enrollment.ts';
import type { Act } from '../act.ts';
import type { InstanceKey } from '../instance/instance.ts';
import type { Instant } from '../time.ts';
import type { CrossChecks } from './enrollment-case.ts';

/** Why Muster accepts a key no more, since when, and which key the key's own agent put in its place, if it did so. */
export interface Ended {
  reason: 'released' | 'blocked' | 're_enrolled' | 'rotated' | 'restarted';
  at: Instant;
  successor: string | null;
  /** Of a re-enrollment: what the instance waits for, as in `reenroll` of its record. */
  by?: string | undefined;
  /** The operator's act that ended it. Absent if an agent did, by another key. */
  act?: Act | undefined;
}

/** The instance that an agent's key is bound to. A denied key stays denied after the instance's record is gone. */
export interface Binding extends InstanceKey {
  agentId: string;
  publicKey: string;
  status: 'bound' | 'denied';
  boundAt: Instant;
  /** The proof that enrolled the key. A weaker proof never replaces the key by another. */
  proof: ProofKind | null;
  /** Why the key is denied. Null while it is bound. */
  ended: Ended | null;
  /** When the agent put another key in its key's place, within the hour before it last did. Absent where it did not. */
  rotations?: readonly Instant[];
  /** Absent where no agent ever enrolled with the key. */
  checks?: CrossChecks;
  description: Readonly<Record<string, string>>;
  version: number;
}
