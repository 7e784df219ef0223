import { randomBytes } from 'node:crypto';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { type EnrollPorts, enrollInstance } from '#shared/app/enrollment/enroll-instance.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { usualLaunchPolicy } from '#shared/domain/enrollment/enrollment-case.ts';
import { type EnrollmentKey, type EnrollmentScope, everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import type { Launch } from '#shared/domain/launch/launch.ts';
import type { Instant } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import {
  bindingNamed,
  enrollmentKeyNamed,
  factsOf,
  instanceNamed,
  keyNamed,
  launchNamed,
  second,
  serverNamed,
  start,
} from '#test/build/records.ts';
import { type Asking, anchors, audience, enrollmentOf } from '#test/fakes/identity.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

export const instanceId = 'i-0123456789abcdef0';
export const instance = `111122223333/us-east-1/${instanceId}`;
export const here = keyNamed(instanceId);
/** Half a minute after the instance's start. */
export const now = start + 30 * second;
const keyGrant = newGrantKey(randomBytes);
const launchGrant = newGrantKey(randomBytes);
export const keyId = 'key_web';
export const launchId = 'lch_0123456789abcdef0123456789abcdef';

/** An instance that runs, described by EC2. */
export const running = (...changes: readonly InstanceParts[]): Instance =>
  instanceNamed(
    instanceId,
    { cloud: { state: 'running', at: start + 5 * second, source: 'describe', runningAt: start + 5 * second } },
    { cloud: { epoch: start, epochNamed: true } },
    ...changes,
  );

/** A store with one running instance, and everything that an enrollment touches. */
export async function enrollmentSetup(records: readonly RecordChange[] = [instanceChange(running())]) {
  const written: RecordChange[] = [];
  const store = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  for (const change of records) {
    await store.commit([change]);
    // What a describe that named the start has told.
    if (change.kind === 'instance' && change.after.cloud.epochNamed)
      await store.putFacts(factsOfStart(change.after.instanceId, change.after.cloud.epoch ?? start));
  }
  written.length = 0;
  const verify = new KeepingOutbox<VerifyMessage>();
  const decided: Readonly<Record<string, unknown>>[] = [];
  let ids = 0;
  const ports: EnrollPorts = {
    store,
    verify,
    anchors,
    audiences: [audience],
    isRegistered: (account, region) => account === here.account && region === here.region,
    allowedProofs: ['iid-rsa2048'],
    launchPolicy: usualLaunchPolicy,
    reenrollOnRestart: false,
    askSts: () => Promise.reject(new Error('STS is asked only for its own kind of proof')),
    decided: (line) => decided.push(line),
    newId: (prefix) => `${prefix}_${++ids}`,
    timing: defaultTiming,
  };
  const enroll = (asking: Partial<Asking> = {}, other: Partial<EnrollPorts> = {}) => {
    const whole = { key: newAgentKey(), claim: { ...here, pendingTime: start }, now, ...asking };
    return enrollInstance(enrollmentOf(whole), whole.now, { ...ports, ...other });
  };
  return { store, written, verify, decided, enroll, enrollPorts: ports };
}

/** Facts of an instance that started at `launchTime`, with nothing moved. */
export const factsOfStart = (instanceId: string, launchTime: Instant, fields: Partial<InstanceFacts> = {}) =>
  factsOf(instanceId, {
    ...{ launchTime, rootAttachedAt: launchTime + second, interfaceAttachedAt: launchTime, tags: {} },
    ...fields,
  });

export const instanceChange = (after: Instance): RecordChange => ({ kind: 'instance', before: undefined, after });

/** An enrollment key of the setup's seed. */
export const keyChange = (fields: Partial<EnrollmentKey> = {}): RecordChange => ({
  kind: 'key',
  before: undefined,
  after: enrollmentKeyNamed(keyId, { publicKey: keyGrant.publicKeyX, scope: everyInstance, ...fields }),
});
export const byKey = { grant: { id: keyId, seed: keyGrant.seed } };

/** A launch of the setup's seed that made the instance, and its server. */
export const launchChanges = (fields: Partial<Launch> = {}): RecordChange[] => [
  {
    kind: 'launch',
    before: undefined,
    after: launchNamed(launchId, {
      ...{ grantPublicKey: launchGrant.publicKeyX, state: 'launched', instances: [here] },
      ...fields,
    }),
  },
  { kind: 'server', before: undefined, after: serverNamed('srv_1', { generation: 1, instance: here, launchId }) },
];
export const byLaunch = { grant: { id: launchId, seed: launchGrant.seed } };

export const agentOf = (key: AgentKey) => ({
  id: key.id,
  version: '0.1.0',
  bootId: 'b0',
  enrolledAt: now,
  state: null,
  stateAt: null,
});

/** The binding of a key to the instance. */
export const bindingChange = (agentId: string, fields: Parameters<typeof bindingNamed>[1] = {}) =>
  ({ kind: 'binding', before: undefined, after: bindingNamed(agentId, { ...here, ...fields }) }) as const;

/** A scope that narrows what is given, for `keyChange`. */
export const keyScope = (scope: Partial<EnrollmentScope>) => ({ scope: { ...everyInstance, ...scope } });

/** What an agent is told by a refusal that tells everything. */
export const precisely = (facts: object) => ({ ...facts, instance, reference: 'ref_1' });
