import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Store } from '#shared/app/ports.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import { Problem } from '#shared/domain/problems.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { second, start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import {
  bindingChange,
  byKey,
  enrollmentSetup,
  here,
  instanceChange,
  keyChange,
  keyId,
  now,
  running,
} from './enrollment-setup.ts';

/** The store, losing the first `times` transactions to somebody else. */
const contested = (store: Store, times: number): Store => {
  let left = times;
  return { ...store, commit: async (changes) => (left-- > 0 ? false : store.commit(changes)) };
};

describe('two keys at the same instant', () => {
  it('bind exactly one, and the other is told who is enrolled', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const keys = [newAgentKey(), newAgentKey()];
    const answers = await Promise.allSettled(keys.map((key) => setup.enroll({ key, ...byKey })));
    const won = answers.findIndex(({ status }) => status === 'fulfilled');
    const lost = answers[1 - won];
    expect(lost).toMatchObject({ status: 'rejected', reason: { code: 'already_enrolled' } });
    expect(lost).toMatchObject({ reason: { facts: { enrolledAgent: keys[won]!.id } } });
    expect(setup.written.filter(({ kind }) => kind === 'server')).toHaveLength(1);
  });
});

describe('the same key twice at the same instant', () => {
  it('gets one record, one event and twice the same answer', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange({ usesLeft: 1 })]);
    const key = newAgentKey();
    const [one, two] = await Promise.all([
      setup.enroll({ key, ...byKey }),
      setup.enroll({ key, ...byKey, jti: 'two' }),
    ]);
    expect(two).toEqual(one);
    const events = setup.written.flatMap((change) =>
      change.kind === 'instance' ? eventsOf(change.before, change.after) : [],
    );
    expect(events.filter(({ detailType }) => detailType === 'Instance Enrolled')).toHaveLength(1);
  });
});

describe('an enrollment key with one use left', () => {
  it('enrolls exactly one of twenty instances that ask at once', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `i-${n.toString(16).padStart(17, '0')}`);
    const records = ids.map((instanceId) => instanceChange(running({ instanceId })));
    const setup = await enrollmentSetup([...records, keyChange({ usesLeft: 1 })]);
    const answers = await Promise.allSettled(
      ids.map((instanceId) => setup.enroll({ ...byKey, claim: { ...here, instanceId, pendingTime: start } })),
    );
    const codes = answers.map((answer) => (answer.status === 'fulfilled' ? 'enrolled' : codeOf(answer.reason)));
    expect(codes.sort()).toEqual(['enrolled', ...Array(19).fill('grant_used_up')]);
    expect(await setup.store.get('key', keyId)).toMatchObject({ usesLeft: 0 });
    const items = await Promise.all(ids.map((instanceId) => setup.store.getInstance({ ...here, instanceId })));
    expect(items.filter((item) => item?.management.status === 'enrolled')).toHaveLength(1);
  });
});

const codeOf = (error: unknown) => (error instanceof Problem ? error.code : String(error));

describe('a transaction that others keep from happening', () => {
  it('is decided anew, and goes through', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const store = contested(setup.store, 4);
    expect(await setup.enroll(byKey, { store })).toMatchObject({ agentId: expect.any(String) });
  });

  it('is reported as busy after five times, and never as already enrolled', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const store = contested(setup.store, 5);
    const refusal = { code: 'busy', facts: { retryAfterSeconds: 1 } };
    expect(await refusalOf(setup.enroll(byKey, { store }))).toEqual(refusal);
    expect(await setup.store.getInstance(here)).toMatchObject({ agent: null, management: { status: 'pending' } });
  });

  it('of a key that was denied meanwhile is refused as that', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const key = newAgentKey();
    const commit: Store['commit'] = async (changes) => {
      await setup.store.commit([bindingChange(key.id, { publicKey: key.publicKeyX, status: 'denied' })]);
      return setup.store.commit(changes);
    };
    const { code } = await refusalOf(setup.enroll({ key, ...byKey }, { store: { ...setup.store, commit } }));
    expect(code).toBe('key_denied');
  });
});

describe('the note of a refused attempt', () => {
  const hour = defaultTiming.attemptNoteSeconds * second;

  it('is left on the record, and at most once an hour', async () => {
    const setup = await enrollmentSetup();
    const { facts } = await refusalOf(setup.enroll());
    await refusalOf(setup.enroll({ now: now + hour - 1 }));
    expect(setup.written).toHaveLength(1);
    const attempt = { at: now, code: 'grant_missing', reference: facts.reference };
    expect(await setup.store.getInstance(here)).toMatchObject({ identity: { refusedAttempt: attempt } });
    await refusalOf(setup.enroll({ now: now + hour }));
    expect(await setup.store.getInstance(here)).toMatchObject({ identity: { refusedAttempt: { at: now + hour } } });
  });

  it('is gone once an agent is enrolled', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    await refusalOf(setup.enroll());
    await setup.enroll(byKey);
    expect(await setup.store.getInstance(here)).toMatchObject({ identity: { refusedAttempt: null } });
  });

  it('is owed to nobody outside: a refusal makes no event', async () => {
    const setup = await enrollmentSetup();
    await refusalOf(setup.enroll());
    const [change] = setup.written;
    expect(change?.kind === 'instance' && eventsOf(change.before, change.after)).toEqual([]);
  });
});

describe('what leaves Muster of a refusal', () => {
  it('holds no document, signature, grant or key of the request', async () => {
    const setup = await enrollmentSetup([instanceChange(running()), keyChange()]);
    const seed = newGrantKey(randomBytes).seed;
    const refused = await refusalOf(setup.enroll({ grant: { id: keyId, seed } }));
    const known = JSON.stringify([refused, setup.decided, setup.written]);
    expect(known).not.toMatch(/rsa2048|"document"|signature|accountId/);
    expect(known).not.toContain(Buffer.from(seed).toString('base64url'));
  });
});
