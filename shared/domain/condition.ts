import type { Instant } from './time.ts';

/** One statement about a record that is true, false or unknown: why, and since when (docs/design/records.md, "conditions"). */
export interface Condition<Type extends string = string> {
  type: Type;
  status: 'true' | 'false' | 'unknown';
  /** A word for programs, for example `launch_requested`. */
  reason: string;
  /** Null where no time is known. */
  since: Instant | null;
  /** Details that belong to the reason, for example the agent of an identity conflict. */
  facts: Readonly<Record<string, string | null>>;
}
