import { describe, expect, it } from 'vitest';
import { type AgentTokenClaims, bodyHash, newAgentKey, signAgentToken } from '#agent/proof-request.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { type CheckinPorts, type CheckinReport, checkIn } from '#shared/app/check-in.ts';
import type { Binding, Lease, RecordChange, Store, VerifyMessage } from '#shared/app/ports.ts';
import type { Instance } from '#shared/domain/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { bindingNamed, instanceNamed, keyNamed, second, start } from '../contracts/records.ts';
import { KeepingOutbox } from '../fakes/outbox.ts';
import { refusalOf } from '../fakes/refusal.ts';

const here = keyNamed('i-0123456789abcdef0');
const key = newAgentKey();
const htu = 'https://muster.example/prod/v1/checkin';
const report: CheckinReport = { bootId: 'b0', state: 'operational' };
const interval = defaultTiming.checkinIntervalSeconds * second;

/** A store with one enrolled instance, whose agent has reported once, with seq 5. */
async function stageWith(fields: { instance?: Partial<Instance>; binding?: Partial<Binding>; seq?: number } = {}) {
  const written: RecordChange[] = [];
  const leases: Lease[] = [];
  const memory = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  const renewLease: Store['renewLease'] = async (lease) => {
    const renewed = await memory.renewLease(lease);
    if (renewed) leases.push(lease);
    return renewed;
  };
  const store: Store = { ...memory, renewLease };
  const agent = { id: key.id, version: '0.1.0', bootId: 'b0', enrolledAt: start, state: 'operational', stateAt: start };
  const enrolled = { state: 'running', at: start, management: 'enrolled', agent, serverId: 'srv_1' } as const;
  const instance = instanceNamed(here.instanceId, { ...enrolled, ...fields.instance });
  await store.commit([{ kind: 'instance', before: undefined, after: instance }]);
  const binding = bindingNamed(key.id, { ...here, publicKey: key.publicKeyX, ...fields.binding });
  await store.commit([{ kind: 'binding', before: undefined, after: binding }]);
  await memory.renewLease({ ...here, lastSeenAt: start, seq: fields.seq ?? 5 });
  written.length = 0;
  const verify = new KeepingOutbox<VerifyMessage>();
  const ports: CheckinPorts = { store, verify, audiences: ['https://muster.example/prod'], timing: defaultTiming };
  return { store, written, leases, verify, send: sendWith(ports) };
}

const sendWith =
  (ports: CheckinPorts) =>
  (sending: Sending = {}, other: Partial<CheckinPorts> = {}) =>
    send(sending, { ...ports, ...other });

interface Sending {
  report?: CheckinReport;
  now?: number;
  signer?: typeof key;
  claims?: Partial<AgentTokenClaims>;
  body?: string;
}

function send(
  { report: said = report, now = start + interval, signer = key, claims, body }: Sending,
  ports: CheckinPorts,
) {
  const text = JSON.stringify(said);
  const iat = Math.floor(now / 1000);
  const token = signAgentToken(signer, { htm: 'POST', htu, iat, seq: 6, bsh: bodyHash(text), ...claims });
  return checkIn({ token, bodySha256: bodyHash(body ?? text), report: said }, now, ports);
}

describe('a check-in', () => {
  it('is told when to come again', async () => {
    const { send } = await stageWith();
    expect(await send()).toEqual({ nextCheckinSeconds: 60, tasks: [] });
  });

  it('writes nothing while the lease is younger than two intervals', async () => {
    const { send, written, leases } = await stageWith();
    await send({ now: start + 2 * interval - 1 });
    expect([written, leases]).toEqual([[], []]);
  });

  it('writes the lease, and it alone, once that is two intervals old', async () => {
    const { send, written, leases } = await stageWith();
    await send({ now: start + 2 * interval });
    expect(leases).toEqual([{ ...here, lastSeenAt: start + 2 * interval, seq: 6 }]);
    expect(written).toEqual([]);
  });

  it('applies a change of the agent’s state once', async () => {
    const { send, store, written, leases } = await stageWith();
    const stranded: CheckinReport = { bootId: 'b0', state: 'stranded in booting' };
    await send({ report: stranded });
    await send({ report: stranded, claims: { seq: 7 } });
    expect(await store.getInstance(here)).toMatchObject({ state: 'running', agent: { state: 'stranded in booting' } });
    expect([written.length, leases.length]).toEqual([1, 1]);
  });

  it('of another boot replaces what was reported in the one before', async () => {
    const { send, store } = await stageWith();
    await send({ report: { bootId: 'b1', state: 'booting' } });
    expect(await store.getInstance(here)).toMatchObject({ agent: { bootId: 'b1', state: 'booting', id: key.id } });
  });

  it.each(['stopped', 'terminated'] as const)(
    'of an instance that is %s on record raises doubt and asks EC2 once',
    async (state) => {
      const { send, store, verify } = await stageWith({ instance: { state, at: start } });
      const now = start + 10 * second + 1;
      await send({ now });
      await send({ now, claims: { seq: 7 } });
      expect(await store.getInstance(here)).toMatchObject({
        state,
        verify: { reason: 'alive_when_ended', since: now },
      });
      expect(verify.messages).toEqual([{ ...here, attempt: 0 }]);
    },
  );

  it('ten seconds after a stop raises no doubt: it may have been under way', async () => {
    const { send, store, verify } = await stageWith({ instance: { state: 'stopped', at: start } });
    await send({ now: start + 10 * second });
    expect(await store.getInstance(here)).toMatchObject({ state: 'stopped', verify: null });
    expect(verify.sent).toEqual([]);
  });

  it('takes back the mark of an instance that sweeps have missed', async () => {
    const { send, store } = await stageWith({ instance: { absent: { seenAt: start, since: start } } });
    await send();
    expect(await store.getInstance(here)).toMatchObject({ absent: null });
  });
});

describe('a check-in is refused', () => {
  const strangersKey = newAgentKey();
  it.each<[string, Sending, string, object]>([
    ['by a key that is not enrolled', { signer: strangersKey }, 'agent_unknown', { agentId: strangersKey.id }],
    ['with another key’s signature', { signer: { ...strangersKey, id: key.id } }, 'bad_signature', {}],
    ['for another body', { body: '{}' }, 'body_hash_mismatch', {}],
    ['for another method', { claims: { htm: 'GET' } }, 'wrong_audience', { htm: 'GET', htu }],
    ['for another route', { claims: { htu: `${htu}/` } }, 'wrong_audience', { htm: 'POST', htu: `${htu}/` }],
    ['with a seq that was applied', { claims: { seq: 5 } }, 'stale_sequence', { seq: 5 }],
    ['with a seq from before that', { claims: { seq: 1 } }, 'stale_sequence', { seq: 5 }],
    ['without a seq that is one', { claims: { seq: 0 } }, 'malformed_jws', { member: 'seq' }],
  ])('%s', async (_case, sending, code, facts) => {
    const { send, written, leases } = await stageWith();
    expect(await refusalOf(send(sending))).toEqual({ code, facts });
    expect([written, leases]).toEqual([[], []]);
  });

  it('by a clock more than five minutes off, with both times', async () => {
    const { send } = await stageWith();
    const { code, facts } = await refusalOf(send({ claims: { iat: start / 1000 + 60 + 301 } }));
    expect([code, facts.differenceSeconds]).toEqual(['clock_skew', 301]);
  });

  it('by a key that was released or blocked', async () => {
    const { send } = await stageWith({ binding: { status: 'denied' } });
    expect(await refusalOf(send())).toEqual({ code: 'key_denied', facts: { agentId: key.id } });
  });

  it('by a key whose instance has another by now', async () => {
    const other = { id: 'other', version: '', bootId: '', enrolledAt: start, state: null, stateAt: null };
    const { send } = await stageWith({ instance: { agent: other } });
    expect(await refusalOf(send())).toEqual({ code: 'agent_unknown', facts: { agentId: key.id } });
  });

  it('when a later one came between, and its report does not count', async () => {
    const { store, send, written } = await stageWith();
    const getLease: Store['getLease'] = async (of) => {
      const lease = await store.getLease(of);
      await store.renewLease({ ...here, lastSeenAt: start, seq: 7 });
      return lease;
    };
    const late: CheckinReport = { bootId: 'b1', state: 'booting' };
    const { code, facts } = await refusalOf(send({ report: late }, { store: { ...store, getLease } }));
    expect([code, facts]).toEqual(['stale_sequence', { seq: 6 }]);
    expect(written).toEqual([]);
  });
});
