import type { Instance } from './instance.ts';
import type { ProblemCode } from './problems.ts';
import type { Server } from './server.ts';

/** Whether an operator may do something now, and the problem's code if not (DESIGN 7). */
export type Allowed = { allowed: true } | { allowed: false; code: ProblemCode };
export type Actions = Readonly<Record<string, Allowed>>;

const yes: Allowed = { allowed: true };
const no = (code: ProblemCode): Allowed => ({ allowed: false, code });

/** What may be done to an instance. Operations that this version lacks say so, unless the state refuses them anyway. */
export function instanceActions(instance: Instance): Actions {
  const managed = instance.management === 'enrolled';
  return {
    adopt: managed ? no('already_managed') : instance.state === 'running' ? no('not_implemented') : no('not_running'),
    release: managed ? no('not_implemented') : no('not_managed'),
    block: managed ? no('not_implemented') : no('not_managed'),
  };
}

/** What may be done to a server. `instance` is its current one. */
export function serverActions(server: Server, instance: Instance | null): Actions {
  const running = instance !== null && instance.state !== 'terminated';
  const launching = server.launchState === 'requested';
  return {
    launch: server.request === null ? no('not_launchable') : launching || running ? no('server_busy') : yes,
    terminate: running ? yes : no('not_running'),
  };
}
