import { describe, expect, it } from 'vitest';
import { instanceActions, serverActions } from '#shared/domain/actions.ts';
import { aRequest, aServer } from '../build/a-launch.ts';
import { anInstance } from '../build/an-instance.ts';

const word = (allowed: { allowed: boolean; code?: string }) => (allowed.allowed ? 'yes' : allowed.code);

describe('what may be done to a server', () => {
  it.each([
    ['adopted', { request: null }, null, 'not_launchable', 'not_running'],
    ['never launched', { request: aRequest }, null, 'yes', 'not_running'],
    ['being launched', { request: aRequest, launchState: 'requested' as const }, null, 'server_busy', 'not_running'],
    ['running', { request: aRequest }, anInstance(), 'server_busy', 'yes'],
    ['ended', { request: aRequest }, anInstance({ state: 'terminated' }), 'yes', 'not_running'],
  ])('%s', (_, overrides, instance, launch, terminate) => {
    const actions = serverActions(aServer(overrides), instance);
    expect({
      launch: actions.launch && word(actions.launch),
      terminate: actions.terminate && word(actions.terminate),
    }).toEqual({
      launch,
      terminate,
    });
  });
});

describe('what may be done to an instance', () => {
  it('says why each action is refused', () => {
    const words = (instance: Parameters<typeof instanceActions>[0]) =>
      Object.values(instanceActions(instance)).map(word);
    expect(Object.keys(instanceActions(anInstance()))).toEqual(['adopt', 'release', 'block']);
    expect(words(anInstance({ management: 'enrolled' }))).toEqual([
      'already_managed',
      'not_implemented',
      'not_implemented',
    ]);
    expect(words(anInstance())).toEqual(['not_implemented', 'not_managed', 'not_managed']);
    expect(words(anInstance({ state: 'stopped' }))).toEqual(['not_running', 'not_managed', 'not_managed']);
  });
});
