import { describe, expect, it } from 'vitest';
import { bodyHash, signAgentToken } from '#agent/key/sign.ts';
import type { AgentTokenClaims } from '#protocol/token.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { type CheckinPorts, type CheckinReport, checkIn } from '#shared/app/agent/check-in.ts';
import type { Store, VerifyMessage } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { type Lease, renewedLease } from '#shared/domain/agent/lease.ts';
import type { Binding } from '#shared/domain/enrollment/binding.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import type { InstanceParts } from '#test/build/an-instance.ts';
import {
  bindingNamed,
  instanceNamed,
  keyNamed,
  leaseOf,
  linkOf,
  restoreOf,
  second,
  start,
} from '#test/build/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';
import { refusalOf } from '#test/fakes/refusal.ts';

const here = keyNamed('i-0123456789abcdef0');
const key = newAgentKey();
const htu = 'https://muster.example/prod/v1/checkin';
const report: CheckinReport = {
  ...{ instanceId: here.instanceId, bootId: 'b0', state: 'operational' },
  ...{ link: linkOf(1), previousLink: linkOf(0) },
};
const interval = defaultTiming.checkinIntervalSeconds * second;

/** A store with one enrolled instance, whose agent has reported once, with seq 5 and link 0. */
async function setupWith(
  fields: { instance?: InstanceParts; binding?: Partial<Binding>; lease?: Partial<Lease> } = {},
) {
  const written: RecordChange[] = [];
  const leases: Lease[] = [];
  const memory = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  const renewLease: Store['renewLease'] = async (before, after) => {
    const renewed = await memory.renewLease(before, after);
    if (renewed) leases.push(after);
    return renewed;
  };
  const store: Store = { ...memory, renewLease };
  const agent = { id: key.id, version: '0.1.0', bootId: 'b0', enrolledAt: start, state: 'operational', stateAt: start };
  const enrolled: InstanceParts = {
    cloud: { state: 'running', at: start },
    management: { status: 'enrolled' },
    assignment: { serverId: 'srv_1' },
    agent,
  };
  const instance = instanceNamed(here.instanceId, enrolled, fields.instance ?? {});
  await store.commit([{ kind: 'instance', before: undefined, after: instance }]);
  const binding = bindingNamed(key.id, { ...here, publicKey: key.publicKeyX, ...fields.binding });
  await store.commit([{ kind: 'binding', before: undefined, after: binding }]);
  const lease = leaseOf(here.instanceId, { agentId: key.id, seq: 5, link: linkOf(0), ...fields.lease });
  await memory.renewLease(undefined, lease);
  written.length = 0;
  const verify = new KeepingOutbox<VerifyMessage>();
  const twins: object[] = [];
  const finished: object[] = [];
  const begun: object[] = [];
  const ports: CheckinPorts = {
    ...{ store, verify, audiences: ['https://muster.example/prod'], timing: defaultTiming },
    ...{
      isRegistered: () => true,
      twinSeen: (twin) => twins.push(twin),
      endingFinished: (one) => finished.push(one),
      begunAnew: (one) => begun.push(one),
    },
  };
  return { store, written, leases, verify, twins, finished, begun, send: sendWith(ports) };
}

const sendWith =
  (ports: CheckinPorts) =>
  (sending: Sending = {}, other: Partial<CheckinPorts> = {}) =>
    send(sending, { ...ports, ...other });

interface Sending {
  report?: Partial<CheckinReport>;
  now?: number;
  signer?: typeof key;
  claims?: Partial<AgentTokenClaims>;
  body?: string;
}

function send({ report: fields, now = start + interval, signer = key, claims, body }: Sending, ports: CheckinPorts) {
  const said = { ...report, ...fields };
  const text = JSON.stringify(said);
  const iat = Math.floor(now / 1000);
  const token = signAgentToken(signer, { htm: 'POST', htu, iat, seq: 6, bsh: bodyHash(text), ...claims });
  return checkIn({ token, bodySha256: bodyHash(body ?? text), report: said }, now, ports);
}

describe('a check-in', () => {
  it('is told when to come again', async () => {
    const { send } = await setupWith();
    expect(await send()).toEqual({ nextCheckinSeconds: 60, link: 'open', tasks: [] });
  });

  it('writes nothing while the lease is younger than two intervals', async () => {
    const { send, written, leases } = await setupWith();
    await send({ now: start + 2 * interval - 1 });
    expect([written, leases]).toEqual([[], []]);
  });

  it('writes the lease, and it alone, once that is two intervals old', async () => {
    const { send, written, leases } = await setupWith();
    await send({ now: start + 2 * interval });
    const lease = { ...here, agentId: key.id, lastSeenAt: start + 2 * interval, seq: 6, link: linkOf(1) };
    expect(leases).toEqual([lease]);
    expect(written).toEqual([]);
  });

  it('applies a change of the agent’s state once', async () => {
    const { send, store, written, leases } = await setupWith();
    const stranded = { state: 'stranded in booting' } as const;
    await send({ report: stranded });
    await send({ report: stranded, claims: { seq: 7 } });
    expect(await store.getInstance(here)).toMatchObject({
      agent: { state: 'stranded in booting' },
      cloud: { state: 'running' },
    });
    expect([written.length, leases.length]).toEqual([1, 1]);
  });

  it('of another boot replaces what was reported in the one before', async () => {
    const { send, store } = await setupWith();
    await send({ report: { bootId: 'b1', state: 'booting' } });
    expect(await store.getInstance(here)).toMatchObject({ agent: { bootId: 'b1', state: 'booting', id: key.id } });
  });

  it.each(['stopped', 'terminated'] as const)(
    'of an instance that is %s on record raises doubt and asks EC2 once',
    async (state) => {
      const { send, store, verify } = await setupWith({ instance: { cloud: { state, at: start } } });
      const now = start + 10 * second + 1;
      await send({ now });
      await send({ now, claims: { seq: 7 } });
      expect(await store.getInstance(here)).toMatchObject({
        cloud: { state, verify: { reason: 'alive_when_ended', since: now } },
      });
      expect(verify.messages).toEqual([{ ...here, attempt: 0 }]);
    },
  );

  it('ten seconds after a stop raises no doubt: it may have been under way', async () => {
    const { send, store, verify } = await setupWith({ instance: { cloud: { state: 'stopped', at: start } } });
    await send({ now: start + 10 * second });
    expect(await store.getInstance(here)).toMatchObject({ cloud: { state: 'stopped', verify: null } });
    expect(verify.sent).toEqual([]);
  });

  it('takes back the mark of an instance that sweeps have missed', async () => {
    const { send, store } = await setupWith({ instance: { cloud: { absent: { seenAt: start, since: start } } } });
    await send();
    expect(await store.getInstance(here)).toMatchObject({ cloud: { absent: null } });
  });
});

describe('a check-in is refused', () => {
  const strangersKey = newAgentKey();
  it.each<[string, Sending, string, object]>([
    ['by a key that is not enrolled', { signer: strangersKey }, 'agent_unknown', { agentId: strangersKey.id }],
    ['with another key’s signature', { signer: { ...strangersKey, id: key.id } }, 'agent_unknown', { agentId: key.id }],
    ['for another body', { body: '{}' }, 'body_hash_mismatch', {}],
    ['for another method', { claims: { htm: 'GET' } }, 'wrong_audience', { htm: 'GET', htu }],
    ['for another route', { claims: { htu: `${htu}/` } }, 'wrong_audience', { htm: 'POST', htu: `${htu}/` }],
    ['without a seq that is one', { claims: { seq: 0 } }, 'malformed_jws', { member: 'seq' }],
    ['by a seq that nobody counts to', { claims: { seq: 2 ** 52 + 1 } }, 'malformed_jws', { member: 'seq' }],
  ])('%s', async (_case, sending, code, facts) => {
    const { send, written, leases } = await setupWith();
    expect(await refusalOf(send(sending))).toEqual({ code, facts });
    expect([written, leases]).toEqual([[], []]);
  });

  it.each([5, 1])('with the seq %d, which was overtaken: that is written once in five minutes', async (seq) => {
    const { send, written, leases } = await setupWith();
    const late = { code: 'stale_sequence', facts: { seq: 1005, overtakenAt: '2026-11-02T10:01:00Z' } };
    expect(await refusalOf(send({ claims: { seq } }))).toEqual(late);
    expect(await refusalOf(send({ claims: { seq }, now: start + interval + second }))).toEqual(late);
    expect(leases).toMatchObject([{ seq: 5, link: linkOf(0), overtakenAt: start + interval }]);
    expect(written).toEqual([]);
  });

  it('as another machine’s, where it comes back with what it was told and a link of its own', async () => {
    const { send, store, twins } = await setupWith();
    const links = { link: linkOf(3), previousLink: linkOf(4) };
    const { facts } = await refusalOf(send({ report: links, claims: { seq: 5 } }));
    const told = { ...links, overtakenAt: String(facts.overtakenAt) };
    const lease = (await store.getLease(here))!;
    await store.renewLease(lease, { ...lease, seq: 2 ** 40, link: linkOf(1) });
    expect(await refusalOf(send({ report: told, claims: { seq: 1006 } }))).toMatchObject({ code: 'identity_conflict' });
    expect(twins).toHaveLength(1);
  });

  it('by a clock more than five minutes off, with both times', async () => {
    const { send } = await setupWith();
    const { code, facts } = await refusalOf(send({ claims: { iat: start / 1000 + 60 + 301 } }));
    expect([code, facts.differenceSeconds]).toEqual(['clock_skew', 301]);
  });

  it('by a key that was released or blocked', async () => {
    const { send } = await setupWith({ binding: { status: 'denied' } });
    expect(await refusalOf(send())).toEqual({ code: 'key_denied', facts: { agentId: key.id } });
  });

  it.each(['bound', 'denied'] as const)(
    'with a forged signature alike, whether the key is %s or not',
    async (status) => {
      const { send } = await setupWith({ binding: { status } });
      const forged = { signer: { ...strangersKey, id: key.id } };
      expect(await refusalOf(send(forged))).toEqual({ code: 'agent_unknown', facts: { agentId: key.id } });
    },
  );

  it('by a key whose instance has another by now', async () => {
    const other = { id: 'other', version: '', bootId: '', enrolledAt: start, state: null, stateAt: null };
    const { send } = await setupWith({ instance: { agent: other } });
    expect(await refusalOf(send())).toEqual({ code: 'agent_unknown', facts: { agentId: key.id } });
  });

  it('when a later one came between, and its report does not count', async () => {
    const { store, send, written } = await setupWith();
    const getLease: Store['getLease'] = async (of) => {
      const lease = await store.getLease(of);
      if (lease?.seq === 5) await store.renewLease(lease, { ...lease, seq: 7, link: linkOf(1) });
      return lease;
    };
    const late = { bootId: 'b1', state: 'booting' } as const;
    const { code, facts } = await refusalOf(send({ report: late }, { store: { ...store, getLease } }));
    expect([code, facts]).toMatchObject(['stale_sequence', { seq: 1007 }]);
    expect(written).toEqual([]);
  });
});

describe('after a restore', () => {
  /** Muster had taken links since, which are lost. */
  const ahead = { link: linkOf(9), previousLink: linkOf(8) };
  const opened = { now: start + interval, claims: { seq: 50 }, report: ahead };
  async function restored(fields: Parameters<typeof restoreOf>[0] = {}) {
    const setup = await setupWith();
    await setup.store.commit([{ kind: 'restore', before: undefined, after: restoreOf(fields) }]);
    return setup;
  }

  it('an agent that is ahead of the lease begins its chain anew, once, and is told of', async () => {
    const { send, store, twins, begun } = await restored();
    expect(await send(opened)).toMatchObject({ link: 'taken' });
    expect(await store.getLease(here)).toMatchObject({ seq: 50, link: linkOf(9) });
    expect([twins, begun]).toEqual([[], [{ ...here, agentId: key.id }]]);
    const other = { ...opened, claims: { seq: 51 }, report: { link: linkOf(7), previousLink: linkOf(6) } };
    expect((await refusalOf(send(other))).code).toBe('identity_conflict');
  });

  it.each<[string, Parameters<typeof restoreOf>[0], Sending]>([
    ['the opening has ended', { until: start + interval - 1 }, opened],
    ['the lease was written since', { restoredTo: start - 3 * second }, opened],
    ['it names another instance', {}, { ...opened, report: { ...ahead, instanceId: 'i-0fedcba9876543210' } }],
  ])('it is a conflict as ever where %s', async (_case, fields, sending) => {
    const { send, begun } = await restored(fields);
    expect((await refusalOf(send(sending))).code).toBe('identity_conflict');
    expect(begun).toEqual([]);
  });

  it('a conflict that stands is not ended by it', async () => {
    const { send, store, begun } = await restored();
    const before = (await store.getInstance(here))!;
    await store.saveInstance(before, {
      ...before,
      identity: { ...before.identity, conflict: { reason: 'broken_chain', since: start } },
    });
    expect((await refusalOf(send(opened))).code).toBe('identity_conflict');
    expect(begun).toEqual([]);
  });

  it('is asked for by no check-in that goes on in its chain', async () => {
    const { send, store } = await setupWith();
    const get: Store['get'] = async (kind, id) => (kind === 'restore' ? expect.unreachable() : store.get(kind, id));
    expect(await send({ now: start + 2 * interval }, { store: { ...store, get } })).toMatchObject({ link: 'taken' });
  });
});

describe('who does not hold the key', () => {
  const forger = { ...newAgentKey(), id: key.id };
  const gone: Store['getInstance'] = async () => undefined;
  it.each<[string, { binding?: Partial<Binding> }, Partial<Store>]>([
    ['bound', {}, {}],
    ['denied', { binding: { status: 'denied', ended: { reason: 'released', at: start, successor: null } } }, {}],
    ['denied, its public half lost', { binding: { status: 'denied', publicKey: '' } }, {}],
    ['bound to an instance that is gone', {}, { getInstance: gone }],
    ['not on record', {}, { get: async () => undefined }],
  ])('learns nothing of a key that is %s, whatever the request says', async (_case, fields, lost) => {
    const { send, store, written, leases } = await setupWith(fields);
    const other = { store: { ...store, ...lost } };
    for (const claims of [{}, { htm: 'GET' }, { iat: 1 }, { seq: -1 }]) {
      const refused = await refusalOf(send({ signer: forger, claims }, other));
      expect(refused).toEqual({ code: 'agent_unknown', facts: { agentId: key.id } });
    }
    expect([written, leases]).toEqual([[], []]);
  });
});

describe('an agent of an account that is not registered now', () => {
  const away = { isRegistered: () => false };
  it.each(['bound', 'denied'] as const)(
    'waits, and is not heard until the account is registered again: its key is %s',
    async (status) => {
      const ended = { reason: 'rotated', at: start - 1e6, successor: 'heir' } as const;
      const { send, written, leases, twins } = await setupWith({
        binding: status === 'denied' ? { status, ended } : {},
      });
      const sending = { now: start + 2 * interval, report: { state: 'booting' } } as const;
      expect(await refusalOf(send(sending, away))).toEqual({
        code: 'account_not_registered',
        facts: { account: here.account, region: here.region, retryAfterSeconds: 300 },
      });
      expect([written, leases, twins]).toEqual([[], [], []]);
      if (status === 'bound') expect(await send(sending)).toMatchObject({ link: 'taken' });
    },
  );

  it('is told so only if it holds the key', async () => {
    const { send } = await setupWith();
    const forged = send({ signer: { ...newAgentKey(), id: key.id } }, away);
    expect((await refusalOf(forged)).code).toBe('agent_unknown');
  });
});

describe('how often a report is applied', () => {
  const state = (nth: number) => (nth % 2 === 0 ? 'operational' : 'booting') as CheckinReport['state'];

  it('is once in five seconds: a report before that takes its link, and comes again when it may be applied', async () => {
    const { send, store, written } = await setupWith();
    await send({ report: { state: 'booting' } });
    const next = { link: linkOf(2), previousLink: linkOf(1), state: 'operational' } as const;
    const soon = { report: next, now: start + interval + 1500, claims: { seq: 7 } };
    expect(await send(soon)).toEqual({ nextCheckinSeconds: 4, link: 'taken', tasks: [] });
    expect([written.length, (await store.getInstance(here))?.agent?.state]).toEqual([1, 'booting']);
    const again = { report: { ...next, link: linkOf(3), previousLink: linkOf(2) }, now: start + interval + 5500 };
    expect(await send({ ...again, claims: { seq: 8 } })).toMatchObject({ nextCheckinSeconds: 60 });
    expect((await store.getInstance(here))?.agent?.state).toBe('operational');
  });

  it('is ten times an hour for other boot ids, whatever key they come with; what is beyond costs no write of the record', async () => {
    const { send, store, written } = await setupWith();
    let [now, waits] = [start + interval, new Set<number>()];
    for (let nth = 1; nth <= 100; nth++) {
      now += 6 * second;
      const links = { link: linkOf(nth), previousLink: linkOf(nth - 1) };
      const said = { ...links, bootId: `b${nth}`, state: state(nth) };
      const { nextCheckinSeconds } = await send({ report: said, now, claims: { seq: 5 + nth } });
      waits = waits.add(nextCheckinSeconds);
    }
    expect([written.length, [...waits]]).toEqual([10, [60, 120]]);
    expect(await store.getLease(here)).toMatchObject({ boots: { length: 10 }, lastSeenAt: now });
    const lease = (await store.getLease(here))!;
    expect(
      renewedLease(lease, { ...here, agentId: 'other' }, { seq: 1, link: 'x', isNewBoot: false }, now).boots,
    ).toEqual(lease.boots);
    const oldest = lease.boots![0]!;
    const late = { ...{ link: linkOf(101), previousLink: linkOf(100) }, bootId: 'b101' };
    await send({ report: late, now: oldest + 3600 * second, claims: { seq: 200 } });
    expect((await store.getInstance(here))?.agent?.bootId).toBe('b101');
  });
});

describe('an operator’s ending that stopped after it had denied the key', () => {
  it.each(['released', 'blocked', 're_enrolled'] as const)(
    'is finished by the agent’s next check-in, as of then: %s',
    async (reason) => {
      const at = start + 60 * second;
      const ended = { reason, at, successor: null, ...(reason === 're_enrolled' && { by: 'key_1' }) };
      const { send, store, finished } = await setupWith({ binding: { status: 'denied', ended } });
      for (const now of [at + second, at + 2 * second])
        expect((await refusalOf(send({ now }))).code).toBe('key_denied');
      const after = {
        released: { status: 'discovered-only', reason: 'released', since: at },
        blocked: { status: 'discovered-only', reason: 'blocked', since: at },
        re_enrolled: { status: 'pending', reason: 'awaiting_enrollment', since: at },
      }[reason];
      expect(await store.getInstance(here)).toMatchObject({ agent: null, management: after });
      expect(finished).toEqual([{ ...here, agentId: key.id, reason }]);
    },
  );
});

describe('a check-in’s link', () => {
  it('is taken where the lease is written, and open until then', async () => {
    const { send, store } = await setupWith();
    expect(await send()).toMatchObject({ link: 'open' });
    const due = { now: start + 2 * interval, claims: { seq: 7 } };
    expect(await send(due)).toMatchObject({ link: 'taken' });
    expect(await store.getLease(here)).toMatchObject({ seq: 7, link: linkOf(1) });
  });

  it('that was taken already is taken, and nothing is written: the answer was lost', async () => {
    const { send, leases } = await setupWith({ lease: { link: linkOf(1) } });
    expect(await send()).toMatchObject({ link: 'taken' });
    expect(leases).toEqual([]);
  });

  it('begins the chain of a key that takes another’s place, and the first one is taken at once', async () => {
    const { send, store } = await setupWith({ lease: { agentId: 'another', seq: 900, link: linkOf(9) } });
    expect(await send({ report: { previousLink: null }, claims: { seq: 1 } })).toMatchObject({ link: 'taken' });
    expect(await store.getLease(here)).toMatchObject({ agentId: key.id, seq: 1, link: linkOf(1) });
  });

  it('is lost to a lease that another check-in wrote meanwhile, and judged by that one', async () => {
    const { store, send, twins } = await setupWith();
    const getLease: Store['getLease'] = async (of) => {
      const lease = await store.getLease(of);
      if (lease?.seq === 5) await store.renewLease(lease, { ...lease, seq: 6, link: linkOf(8) });
      return lease;
    };
    const late = { now: start + 2 * interval, claims: { seq: 7 } };
    const { code } = await refusalOf(send(late, { store: { ...store, getLease } }));
    expect([code, twins.length]).toEqual(['identity_conflict', 1]);
  });
});

describe('two machines with one key', () => {
  const broken = { link: linkOf(7), previousLink: linkOf(6) };
  const facts = (reason: string, now = start + interval) => ({
    ...{ agentId: key.id, instanceId: here.instanceId, reason, retryAfterSeconds: 300 },
    since: new Date(now).toISOString().replace('.000Z', 'Z'),
  });

  it.each<[string, Partial<CheckinReport>, string]>([
    ['a link that does not continue the last one', broken, 'broken_chain'],
    ['the beginning of a chain that has begun', { previousLink: null }, 'broken_chain'],
    ['another instance’s id', { instanceId: 'i-0fedcba9876543210' }, 'other_instance'],
  ])('show themselves by %s', async (_case, fields, reason) => {
    const { send, store, leases, twins } = await setupWith();
    expect(await refusalOf(send({ report: { state: 'booting', ...fields } }))).toEqual({
      code: 'identity_conflict',
      facts: facts(reason),
    });
    const held = await store.getInstance(here);
    expect(held).toMatchObject({
      agent: { state: 'operational' },
      identity: { conflict: { reason, since: start + interval } },
    });
    expect([leases, twins]).toEqual([[], [{ ...here, agentId: key.id, reason }]]);
  });

  it('are both refused from then on, the true one too, and nothing more is written', async () => {
    const { send, written, leases, twins } = await setupWith();
    await refusalOf(send({ report: broken }));
    expect(written).toHaveLength(1);
    for (const seq of [7, 8]) {
      const now = start + seq * interval;
      expect(await refusalOf(send({ now, claims: { seq }, report: { state: 'booting' } }))).toEqual({
        code: 'identity_conflict',
        facts: facts('broken_chain'),
      });
    }
    expect([written.length, leases, twins.length]).toEqual([1, [], 3]);
  });

  it('are not seen in a number that was overtaken, which may be a late delivery: whoever adopts the number is', async () => {
    const { send, twins, written } = await setupWith();
    const old = await refusalOf(send({ report: broken, claims: { seq: 3 } }));
    expect([old.code, old.facts.seq, twins, written]).toEqual(['stale_sequence', 1005, [], []]);
    const adopted = await refusalOf(send({ report: broken, claims: { seq: Number(old.facts.seq) + 1 } }));
    expect([adopted.code, twins.length]).toEqual(['identity_conflict', 1]);
  });

  it('are not seen in what somebody else signs in the key’s name', async () => {
    const { send, written } = await setupWith();
    const forger = { ...newAgentKey(), id: key.id };
    expect((await refusalOf(send({ signer: forger, report: broken }))).code).toBe('agent_unknown');
    expect(written).toEqual([]);
  });

  it('a report under way when the conflict is seen is not applied', async () => {
    const { send, store } = await setupWith();
    const renewLease: Store['renewLease'] = async (before, after) => {
      const renewed = await store.renewLease(before, after);
      await refusalOf(send({ report: broken, claims: { seq: 9 } }));
      return renewed;
    };
    await send({ report: { state: 'booting' } }, { store: { ...store, renewLease } });
    expect(await store.getInstance(here)).toMatchObject({ agent: { state: 'operational' } });
  });
});

describe('a key that was rotated away', () => {
  const heir = newAgentKey();
  const rotated = { reason: 'rotated', at: start, successor: heir.id } as const;
  const agent = { id: heir.id, version: '', bootId: '', enrolledAt: start, state: null, stateAt: null };
  const later = start + (defaultTiming.clockSkewSeconds + 1) * second;
  const afterRotation = (ended: Binding['ended'] = rotated, instance: InstanceParts = {}) =>
    setupWith({ instance: { agent, ...instance }, binding: { status: 'denied', ended } });

  it('and signs anew is in other hands: the one that took its place is in doubt', async () => {
    const { send, store, twins } = await afterRotation();
    expect((await refusalOf(send({ now: later }))).code).toBe('key_denied');
    expect(await store.getInstance(here)).toMatchObject({
      identity: { conflict: { reason: 'rotated_key', since: later } },
    });
    expect(twins).toEqual([{ ...here, agentId: heir.id, reason: 'rotated_key' }]);
  });

  it('is followed through hundreds of rotations in one read: the instance’s record names the last key', async () => {
    const last = newAgentKey();
    const { send, store } = await afterRotation(rotated, { agent: { ...agent, id: last.id } });
    const reads: string[] = [];
    const get: Store['get'] = async (kind, id) => {
      reads.push(kind);
      return store.get(kind, id);
    };
    const getInstance: Store['getInstance'] = async (of) => {
      reads.push('instance');
      return store.getInstance(of);
    };
    await refusalOf(send({ now: later }, { store: { ...store, get, getInstance } }));
    expect(reads).toEqual(['binding', 'instance']);
    expect(await store.getInstance(here)).toMatchObject({ identity: { conflict: { reason: 'rotated_key' } } });
  });

  it.each<[string, Binding['ended'], InstanceParts, Sending]>([
    ['was signed before, and comes late', rotated, {}, { now: later - second }],
    ['is not signed by it', rotated, {}, { now: later, signer: { ...newAgentKey(), id: key.id } }],
    ['comes after a release', { ...rotated, reason: 'released', successor: null }, {}, { now: later }],
    [
      'comes when an operator has ended its heir’s binding too, and another agent was enrolled',
      rotated,
      { management: { status: 'enrolled', reason: 'adopted', since: start + 1 } },
      { now: later },
    ],
  ])('puts nobody in doubt where a request %s', async (_case, ended, instance, sending) => {
    const { send, written, twins } = await afterRotation(ended, instance);
    expect((await refusalOf(send(sending))).code).toBe(sending.signer ? 'agent_unknown' : 'key_denied');
    expect([written, twins]).toEqual([[], []]);
  });
});
