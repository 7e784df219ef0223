import { planServer, type WantedServer } from '#shared/domain/launch/plan-launch.ts';
import type { Instant } from '#shared/domain/time.ts';
import { commitOrConflict } from '../commit.ts';
import type { ChangePorts } from '../operator-ports.ts';
import { serverView } from './view.ts';

type CreatePorts = Pick<ChangePorts, 'store' | 'accounts' | 'newId'>;

/** Records a server as a request: it has no instance until somebody launches it. Throws what `planServer` throws. */
export async function createServer(wanted: WantedServer, now: Instant, { store, accounts, newId }: CreatePorts) {
  const server = planServer(newId('srv'), wanted, now, accounts);
  await commitOrConflict(store, [{ kind: 'server', before: undefined, after: server }], { serverId: server.id });
  return serverView(server, null);
}
