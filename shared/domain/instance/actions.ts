import { type Actions, no, yes } from '../actions.ts';
import type { Instance } from './instance.ts';

/** What an operator may do to an instance. An action that this version lacks is `not_implemented`, unless the state refuses it anyway. */
export function instanceActions(instance: Instance): Actions {
  const enrolled = instance.management.status === 'enrolled';
  const blocked = instance.management.reason === 'blocked';
  // An instance that waits for its re-enrollment is still managed.
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
