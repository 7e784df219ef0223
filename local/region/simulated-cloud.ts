import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ec2Region } from '../aws/ec2/region.ts';
import { startEc2Server } from '../aws/ec2/server.ts';
import type { StateChangeEvent } from '../aws/ec2/state-change-event.ts';
import type { RegionSnapshot } from '../aws/ec2/world.ts';
import { eventFeed } from '../aws/events/event-feed.ts';
import { type AuthorityKeys, createAuthority, newAuthorityKeys } from '../aws/identity/authority.ts';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import { Machines } from './machines.ts';
import * as settings from './settings.ts';

export interface SimulatedCloudOptions {
  /** Where the instances, the authority and the disks of the machines are kept; what it holds is taken up again. */
  folder: string;
  clock: Clock;
  random: Random;
  /** Takes each of EC2's state changes, once or as the instance's tags have it (event-feed.ts). */
  emit: (event: StateChangeEvent) => void;
}

/** What no emulator has: EC2 with its events and signed documents, and machines with agents in it. */
export interface SimulatedCloud {
  readonly ec2: Ec2Region;
  /** For AWS_ENDPOINT_URL_EC2. */
  readonly ec2Url: string;
  readonly machines: Machines;
  /** The operations that each access key has called. */
  readonly calls: ReadonlyMap<string, ReadonlySet<string>>;
  /** What verifies its documents, for TEST_ANCHORS. */
  readonly anchors: object[];
  /** Ends the endpoint; the machines are closed by themselves. */
  close(): Promise<void>;
}

export async function startSimulatedCloud({
  folder,
  clock,
  random,
  emit,
}: SimulatedCloudOptions): Promise<SimulatedCloud> {
  const snapshotFile = join(folder, 'ec2.json');
  const keys = keptKeys(join(folder, 'authority.json'));
  const authority = createAuthority([settings.homeRegion, settings.secondRegion], keys);
  const feed = eventFeed(() => ec2, clock, emit);
  const ec2 = new Ec2Region(
    {
      clock,
      random,
      timings: settings.ec2Timings,
      visibility: settings.ec2Visibility,
      onStateChange: (event) => {
        feed(event);
        clock.after(0, () => machines.follow());
      },
      onReboot: (key) => void machines.reboot(key),
      onChange: () => replaceFile(snapshotFile, JSON.stringify(ec2.snapshot())),
    },
    existsSync(snapshotFile) ? (JSON.parse(readFileSync(snapshotFile, 'utf8')) as RegionSnapshot) : undefined,
  );
  const machines = new Machines({
    region: ec2,
    sign: (document, at) => authority.sign(document, at),
    agentImage: settings.agentImage,
    folder: join(folder, 'machines'),
    now: () => clock.now(),
    newId: randomUUID,
  });
  const calls = new Map<string, Set<string>>();
  const server = await startEc2Server({
    region: ec2,
    defaultAccount: settings.account,
    newRequestId: randomUUID,
    onCall: (accessKeyId, operation) => calls.set(accessKeyId, (calls.get(accessKeyId) ?? new Set()).add(operation)),
  });
  return { ec2, machines, calls, ec2Url: server.url, anchors: authority.anchors, close: server.close };
}

/** The authority of a folder stays: documents signed before a restart verify after it. */
function keptKeys(file: string): AuthorityKeys {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as AuthorityKeys;
  const keys = newAuthorityKeys();
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
