import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { listKeys, registerKey, revokeKey, showKey } from '#shared/app/enrollment/keys.ts';
import type { Store } from '#shared/app/ports.ts';
import { everyInstance } from '#shared/domain/enrollment/enrollment-key.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { second, serverNamed, start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { ignoreDeath, killable, Life } from '#test/simulation/region/killable.ts';
import { operatorSetup } from '../operator-setup.ts';

describe('an enrollment key', () => {
  const scope = everyInstance;
  const { publicKeyX: publicKey } = newGrantKey(randomBytes);
  const key = { publicKey, scope, expiresAt: start + 3600 * second, uses: 3 };
  const keyId = `key_${createHash('sha256').update(publicKey).digest('hex').slice(0, 32)}`;

  it('is registered by its public half, shown and listed', async () => {
    const { ports } = operatorSetup();
    const view = await registerKey(key, 'arn:aws:iam::111122223333:user/ann', start, ports);
    expect(view).toMatchObject({ id: keyId, publicKey, usesLeft: 3, revokedAt: null });
    expect(view).toMatchObject({ expiresAt: '2026-11-02T11:00:00Z', createdBy: 'arn:aws:iam::111122223333:user/ann' });
    expect(await showKey(keyId, ports)).toEqual(view);
    expect(await listKeys({ size: 10, after: null }, ports)).toEqual({ items: [view], nextPageToken: null });
  });

  it('is registered once: a second id would outlive its revocation', async () => {
    const { ports } = operatorSetup();
    await registerKey(key, 'ann', start, ports);
    await revokeKey(keyId, start, ports);
    const refused = await refusalOf(registerKey(key, 'ann', start, ports));
    expect(refused).toEqual({ code: 'already_exists', facts: { keyId } });
  });

  it('is refused if it would have expired already', async () => {
    const { ports } = operatorSetup();
    const refused = await refusalOf(registerKey({ ...key, expiresAt: start }, 'ann', start, ports));
    expect(refused).toEqual({ code: 'malformed_request', facts: { member: 'expiresAt' } });
  });

  it('is refused if its public half proves nothing', async () => {
    const { ports, written } = operatorSetup();
    const weak = { ...key, publicKey: `${'A'.repeat(42)}A` };
    expect(await refusalOf(registerKey(weak, 'ann', start, ports))).toEqual({ code: 'weak_key', facts: {} });
    expect(written).toEqual([]);
  });

  it('is revoked once: the second time changes nothing', async () => {
    const { ports, written } = operatorSetup();
    await registerKey(key, 'ann', start, ports);
    const revoked = await revokeKey(keyId, start + second, ports);
    expect(revoked).toMatchObject({ revokedAt: '2026-11-02T10:00:01Z' });
    expect(await revokeKey(keyId, start + 2 * second, ports)).toEqual(revoked);
    expect(written).toHaveLength(2);
  });

  it.each(['before', 'after'] as const)(
    'whose revocation died %s any of its calls enrolls nobody once it is revoked again',
    async (when) => {
      const revokeDying = async (atCall: number) => {
        const { ports, store } = operatorSetup();
        await registerKey({ ...key, uses: null }, 'ann', start, ports);
        const life = new Life({ dies: (call, side) => call === atCall && side === when });
        await revokeKey(keyId, start, { store: killable(store, life) }).catch(ignoreDeath);
        await revokeKey(keyId, start + second, ports);
        const enrollment = [{ kind: 'server', before: undefined, after: serverNamed('srv_1') }] as const;
        const committed = await store.commit(enrollment, { keyId, agentId: 'agent' });
        expect(committed, `died ${when} call ${atCall}`).toBe(false);
        return life.calls;
      };
      const calls = await revokeDying(Number.POSITIVE_INFINITY);
      expect(calls).toBe(3);
      for (let atCall = 1; atCall <= calls; atCall++) await revokeDying(atCall);
    },
  );

  it('is not found where there is none', async () => {
    const { ports } = operatorSetup();
    const missing = { code: 'not_found', facts: { keyId: 'key_none' } };
    expect(await refusalOf(showKey('key_none', ports))).toEqual(missing);
    expect(await refusalOf(revokeKey('key_none', start, ports))).toEqual(missing);
  });

  it('that another request changed meanwhile is a conflict', async () => {
    const { ports, store } = operatorSetup();
    await registerKey(key, 'ann', start, ports);
    const contested: Store = { ...store, commit: async () => false };
    const refused = await refusalOf(revokeKey(keyId, start, { ...ports, store: contested }));
    expect(refused).toEqual({ code: 'conflict', facts: { keyId } });
  });
});
