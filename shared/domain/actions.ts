import { Problem, type ProblemCode } from './problems.ts';

/** Whether an operator may do something now, and the problem's code if not (docs/design/control.md, "allowed actions"). */
export type Allowed = { allowed: true } | { allowed: false; code: ProblemCode };
/** By the action's name. */
export type Actions = Readonly<Record<string, Allowed>>;

export const yes: Allowed = { allowed: true };
export const no = (code: ProblemCode): Allowed => ({ allowed: false, code });

/** Throws the problem of an action that the server's state does not allow. */
export function requireAction(action: Allowed | undefined, facts: Record<string, string>): void {
  if (action && !action.allowed) throw new Problem(action.code, 'the server’s state does not allow it now', facts);
}
