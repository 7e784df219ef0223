import { type Actions, no, yes } from '../actions.ts';
import type { Instance } from '../instance/instance.ts';
import type { Server } from './server.ts';

/** What may be done to a server. `instance` is its current one. */
export function serverActions(server: Server, instance: Instance | null): Actions {
  const running = instance !== null && instance.cloud.state !== 'terminated';
  const launching = server.launchState === 'requested';
  return {
    launch: server.request === null ? no('not_launchable') : launching || running ? no('server_busy') : yes,
    terminate: running ? yes : no('not_running'),
  };
}
