import type { UserData } from '#protocol/settings.ts';
import { planLaunch } from '#shared/domain/launch/plan-launch.ts';
import type { Instant } from '#shared/domain/time.ts';
import { commitOrConflict } from '../commit.ts';
import type { ChangePorts } from '../operator-ports.ts';
import { findServer } from './read.ts';
import { serverView } from './view.ts';

/**
 * Asks for a launch (docs/design/launch.md, "intent first"): one durable write freezes the request, then the message goes out.
 * The grant's seed goes into the user data alone, which only the launch function can read.
 * Throws Problem `not_found`, `conflict`, or what `planLaunch` throws.
 */
export async function launchServer(id: string, now: Instant, ports: ChangePorts) {
  const { store, accounts } = ports;
  const { server: before, instance } = await findServer(id, store);
  const [launchId, grant] = [ports.newId('lch'), ports.newGrantKey()];
  const wanted = { launchId, grantPublicKey: grant.publicKeyX, accounts };
  const { launch, server } = planLaunch(before, instance, wanted, now);
  await ports.userData.put(launchId, userDataOf(launchId, grant.seed, ports.audience));
  await commitOrConflict(
    store,
    [
      { kind: 'launch', before: undefined, after: launch },
      { kind: 'server', before, after: server },
    ],
    { serverId: id },
  );
  await ports.launch.send([{ launchId }]);
  return serverView(server, instance);
}

/** What an instance of a launch finds in its user data: where to enroll, and the seed to sign its grant with. */
function userDataOf(launchId: string, seed: Uint8Array, audience: string): string {
  const grant = { id: launchId, seed: Buffer.from(seed).toString('base64url') };
  return JSON.stringify({ muster: { url: audience, grant } } satisfies UserData);
}
