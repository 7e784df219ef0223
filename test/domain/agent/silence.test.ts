import { describe, expect, it } from 'vitest';
import { markConflict } from '#shared/domain/agent/merge-agent.ts';
import { countAgent, isSilent, noteSilence } from '#shared/domain/agent/silence.ts';
import type { Instance } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { anInstance, clock } from '#test/build/an-instance.ts';

const agent = { id: 'a', version: '1', bootId: 'b', enrolledAt: clock('10:05:00'), state: null, stateAt: null };
const enrolled = anInstance({ agent });
/** Four intervals of 60 s, and 20 s. */
const limit = 260_000;
const note = (instance: Instance, heardAt: number | undefined, now: number) =>
  noteSilence(instance, heardAt, now, defaultTiming);
const noted = (silentSince: number) => anInstance({ agent: { ...agent, silentSince } });

describe('an agent is silent', () => {
  it.each([
    ['after its enrollment', undefined, agent.enrolledAt],
    ['after its last check-in', clock('10:30:00'), clock('10:30:00')],
  ])('four intervals and 20 seconds %s, and not a moment before', (_, heardAt, lastWordAt) => {
    expect(isSilent(enrolled, heardAt, lastWordAt + limit, defaultTiming)).toBe(false);
    expect(isSilent(enrolled, heardAt, lastWordAt + limit + 1, defaultTiming)).toBe(true);
  });

  it('only while the instance runs, counted from when it began to', () => {
    const runningAt = clock('12:00:00');
    const restarted = anInstance({ agent, cloud: { runningAt } });
    expect(isSilent(restarted, undefined, runningAt + limit, defaultTiming)).toBe(false);
    expect(isSilent(restarted, undefined, runningAt + limit + 1, defaultTiming)).toBe(true);
    const stopped = anInstance({ agent, cloud: { state: 'stopped' } });
    expect(isSilent(stopped, undefined, clock('23:00:00'), defaultTiming)).toBe(false);
  });

  it('only if one is enrolled', () => {
    expect(isSilent(anInstance(), undefined, clock('23:00:00'), defaultTiming)).toBe(false);
    expect(note(anInstance(), undefined, clock('23:00:00'))).toBeUndefined();
  });
});

describe('a silence', () => {
  const lastWordAt = clock('10:30:00');
  const late = clock('11:00:00');

  it('is noted once, with the last word', () => {
    const after = note(enrolled, lastWordAt, late);
    expect(after?.agent?.silentSince).toBe(lastWordAt);
    expect(note(after!, lastWordAt, clock('12:00:00'))).toBeUndefined();
  });

  it('that has not begun is not noted', () => {
    expect(note(enrolled, lastWordAt, lastWordAt + limit)).toBeUndefined();
  });

  it('ends when the agent speaks', () => {
    expect(note(noted(lastWordAt), late, late)?.agent).toEqual(agent);
  });

  it('does not end by a stop of the instance', () => {
    const stopped = anInstance({ agent: { ...agent, silentSince: lastWordAt }, cloud: { state: 'stopped' } });
    expect(note(stopped, lastWordAt, late)).toBeUndefined();
    const again = anInstance({ agent: stopped.agent, cloud: { runningAt: late } });
    expect(note(again, lastWordAt, late + limit + 1)).toBeUndefined();
  });

  it('is not noted of an agent in conflict, which Muster does not hear', () => {
    const conflict = { reason: 'broken_chain', since: lastWordAt } as const;
    expect(note(anInstance({ agent, identity: { conflict } }), lastWordAt, late)).toBeUndefined();
    const marked = markConflict(noted(lastWordAt), agent.id, 'broken_chain', late).instance;
    expect(marked.agent).toEqual(agent);
  });

  it('is another one if the agent spoke in between', () => {
    expect(note(noted(lastWordAt), late, late + limit + 1)?.agent?.silentSince).toBe(late);
  });
});

it('counts the agents of running instances, and the silent ones among them', () => {
  const at = (instanceId: string, instance: Instance) => ({ ...instance, instanceId });
  const instances = [
    at('i-1', enrolled),
    at('i-2', enrolled),
    at('i-3', anInstance()),
    at('i-4', anInstance({ agent, cloud: { state: 'stopped' } })),
  ];
  const heard = new Map([['i-2', clock('11:00:00')]]);
  const count = { agents: 0, silent: 0 };
  for (const one of instances) countAgent(count, one, heard.get(one.instanceId), clock('11:00:30'), defaultTiming);
  expect(count).toEqual({ agents: 2, silent: 1 });
});
