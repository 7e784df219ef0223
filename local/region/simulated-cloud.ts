import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ec2Region } from '../aws/ec2/region.ts';
import { startEc2Server } from '../aws/ec2/server.ts';
import type { StateChangeEvent } from '../aws/ec2/state-change-event.ts';
import type { RegionSnapshot } from '../aws/ec2/world.ts';
import { type AuthorityKeys, createAuthority, newAuthorityKeys } from '../aws/identity/authority.ts';
import type { Clock } from '../clock.ts';
import type { Fault, Faults } from '../faults.ts';
import type { Random } from '../random.ts';
import { Machines } from './machines.ts';
import * as settings from './settings.ts';

export interface SimulatedCloudOptions {
  /** Where the instances, the authority and the disks of the machines are kept; what it holds is taken up again. */
  folder: string;
  clock: Clock;
  random: Random;
  faults: Faults;
  /** Takes EC2's events, as its faults let them through. */
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
  faults,
  emit,
}: SimulatedCloudOptions): Promise<SimulatedCloud> {
  const snapshotFile = join(folder, 'ec2.json');
  const keys = keptKeys(join(folder, 'authority.json'));
  const authority = createAuthority([settings.homeRegion, settings.secondRegion], keys);
  faults.add(...eventFaults);
  const handOver = (event: StateChangeEvent) => {
    const { account, region } = event;
    const { tags = [] } = ec2.instance({ account, region, instanceId: event.detail['instance-id'] }) ?? {};
    const tag = tags.map(({ key, value }) => `${key}=${value}`);
    for (const delayMs of faults.deliveries({ service: 'ec2-events', account, region, tag })) {
      if (delayMs === 0) emit(event);
      else clock.after(delayMs, () => emit(event));
    }
  };
  const ec2 = new Ec2Region(
    {
      clock,
      random,
      faults,
      timings: settings.ec2Timings,
      visibility: settings.ec2Visibility,
      onStateChange: (event) => {
        handOver(event);
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

/** A demonstration of what may go wrong: an instance's tag says what becomes of EC2's events about it. */
const eventFaults: readonly Fault[] = [
  { what: 'drop', where: { service: 'ec2-events', tag: `${settings.eventsTag}=lost` } },
  { what: 'delay', where: { service: 'ec2-events', tag: `${settings.eventsTag}=late` }, ms: [9000, 9000] },
  { what: 'repeat', where: { service: 'ec2-events', tag: `${settings.eventsTag}=twice` } },
];

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
