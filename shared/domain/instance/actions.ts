import { Problem, type ProblemCode } from '../problems.ts';
import type { Server } from '../server/server.ts';
import type { Instance } from './instance.ts';

/** Whether an operator may do something now, and the problem's code if not (docs/design/control.md, "allowed actions"). */
export type Allowed = { allowed: true } | { allowed: false; code: ProblemCode };
export type Actions = Readonly<Record<string, Allowed>>;

const yes: Allowed = { allowed: true };
const no = (code: ProblemCode): Allowed => ({ allowed: false, code });

/** What may be done to an instance. Operations that this version lacks say so, unless the state refuses them anyway. */
export function instanceActions(instance: Instance): Actions {
  const enrolled = instance.management.status === 'enrolled';
  const blocked = instance.management.reason === 'blocked';
  // One that waits for its re-enrollment is an operator's still.
  const managed =
    enrolled || instance.identity.reenroll !== null ? yes : no(blocked ? 'instance_blocked' : 'not_managed');
  const ended = instance.cloud.state === 'shutting-down' || instance.cloud.state === 'terminated';
  return {
    adopt: enrolled
      ? no('already_managed')
      : instance.cloud.state === 'running'
        ? no('not_implemented')
        : no('not_running'),
    release: managed,
    block: managed,
    unblock: blocked ? yes : no('not_blocked'),
    're-enroll': managed.allowed && ended ? no('not_running') : managed,
  };
}

/** What may be done to a server. `instance` is its current one. */
export function serverActions(server: Server, instance: Instance | null): Actions {
  const running = instance !== null && instance.cloud.state !== 'terminated';
  const launching = server.launchState === 'requested';
  return {
    launch: server.request === null ? no('not_launchable') : launching || running ? no('server_busy') : yes,
    terminate: running ? yes : no('not_running'),
  };
}

/** Throws the problem of an action that the server's state does not allow. */
export function requireAction(action: Allowed | undefined, facts: Record<string, string>): void {
  if (action && !action.allowed) throw new Problem(action.code, 'the server’s state does not allow it now', facts);
}
