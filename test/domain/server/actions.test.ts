import { describe, expect, it } from 'vitest';
import { serverActions } from '#shared/domain/server/actions.ts';
import { aRequest, aServer } from '#test/build/a-launch.ts';
import { anInstance } from '#test/build/an-instance.ts';

const word = (allowed: { allowed: boolean; code?: string }) => (allowed.allowed ? 'yes' : allowed.code);

describe('what may be done to a server', () => {
  it.each([
    ['adopted', { request: null }, null, 'not_launchable', 'not_running'],
    ['never launched', { request: aRequest }, null, 'yes', 'not_running'],
    ['being launched', { request: aRequest, launchState: 'requested' as const }, null, 'server_busy', 'not_running'],
    ['running', { request: aRequest }, anInstance(), 'server_busy', 'yes'],
    ['ended', { request: aRequest }, anInstance({ cloud: { state: 'terminated' } }), 'yes', 'not_running'],
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
