import { describe, expect, it } from 'vitest';
import { historyOf } from '#shared/domain/cloud/history.ts';
import { entryId, type LedgerEntry } from '#shared/domain/cloud/ledger.ts';
import type { Ec2State } from '#shared/domain/instance/instance.ts';

/** `running 21`, `stopped 30~90` where a describe sent at 90 showed it, `stopped 30!` where nothing before it is open. */
function entry(text: string): LedgerEntry {
  const [state = '', stamp = ''] = text.replace('!', '').split(' ');
  const [at = '', until = at] = stamp.split('~');
  const settled = text.endsWith('!');
  return { state: state as Ec2State, at: Number(at) * 1000, until: Number(until) * 1000, id: entryId(text), settled };
}
const read = (...texts: string[]) => {
  const { order, doubt } = historyOf(texts.map(entry), 2000);
  return { path: order.map(({ state }) => state).join(' '), doubt };
};

describe('a history in order', () => {
  it('of legal steps is in no doubt', () => {
    const life = ['pending 0', 'running 20', 'stopping 90', 'stopped 100', 'pending 200', 'running 230'];
    expect(read(...life)).toEqual({ path: 'pending running stopping stopped pending running', doubt: null });
  });

  it('may begin with any state', () => {
    expect(read('stopping 90', 'stopped 100').doubt).toBeNull();
  });

  it('lacks a step where none is legal', () => {
    expect(read('running 20', 'stopped 100')).toEqual({ path: 'running stopped', doubt: 'illegal_step' });
    expect(read('running 20', 'running 5000').doubt).toBe('illegal_step');
  });

  it('lacks nothing that counts before the start before the present one', () => {
    const twoStarts = ['pending 200', 'running 230', 'stopping 300', 'stopped 310', 'pending 400', 'running 420'];
    expect(read('running 20', 'stopped 100', ...twoStarts).doubt).toBeNull();
  });
});

describe('stamps that lie close together', () => {
  it('follow the one legal order, whatever their ranks and seconds say', () => {
    expect(read('running 0', 'stopped 99', 'stopping 100')).toEqual({ path: 'running stopping stopped', doubt: null });
    const quick = ['running 0', 'stopping 100', 'stopped 100', 'pending 100', 'running 100'];
    expect(read(...quick)).toEqual({ path: 'running stopping stopped pending running', doubt: null });
  });

  it('are in doubt where two legal orders end differently', () => {
    expect(read('stopped 100', 'pending 100').doubt).toBe('order_unknown');
    expect(read('stopped 100', 'pending 102').doubt).toBe('order_unknown');
    expect(read('stopped 100', 'pending 103').doubt).toBeNull();
  });

  it('are in no doubt where what came before allows one order alone', () => {
    expect(read('stopping 90', 'stopped 100', 'pending 102')).toEqual({
      path: 'stopping stopped pending',
      doubt: null,
    });
  });
});

describe('what a describe showed', () => {
  it('has no gap before it', () => {
    expect(read('running 0', 'stopped 90~180!')).toEqual({ path: 'running stopped', doubt: null });
  });

  it('comes after the step that leads to it, though that one has the later stamp', () => {
    expect(read('running 0!', 'stopped 90~180!', 'stopping 91')).toEqual({
      path: 'running stopping stopped',
      doubt: null,
    });
  });

  it('comes before what follows from it', () => {
    expect(read('pending 0~30!', 'running 20')).toEqual({ path: 'pending running', doubt: null });
  });

  it('settles the order of what was known', () => {
    expect(read('stopped 100!', 'pending 100!')).toEqual({ path: 'stopped pending', doubt: null });
    expect(read('pending 100!', 'stopped 100!')).toEqual({ path: 'pending stopped', doubt: null });
  });

  it('is in doubt with an event of the same moment that may be earlier or later', () => {
    expect(read('running 21!', 'stopped 22').doubt).toBe('order_unknown');
  });
});

describe('`terminated`', () => {
  it.each(['running 5000', 'pending 101', 'stopped 99'])('absorbs %s and is in no doubt', (late) => {
    const { path, doubt } = read('running 0', 'terminated 100', late);
    expect(path.endsWith('terminated')).toBe(true);
    expect(doubt).toBeNull();
  });

  it('gives way to a describe that showed the instance alive afterwards', () => {
    expect(read('running 0!', 'terminated 100!', 'running 401~700!')).toEqual({
      path: 'running terminated running',
      doubt: null,
    });
  });

  it('does not give way to one that may have been earlier', () => {
    expect(read('running 0~700!', 'terminated 100').path).toBe('running terminated');
    expect(read('pending 0!', 'shutting-down 103!', 'terminated 100').path).toBe('pending shutting-down terminated');
    expect(read('pending 0!', 'pending 11!', 'terminated 0', 'pending 13').path.endsWith('terminated')).toBe(true);
  });
});
