import { beforeAll, describe, expect, it } from 'vitest';
import type { AgentKey } from '#agent/key/agent-key.ts';
import { bodyHash, signAgentToken } from '#agent/key/sign.ts';
import { newAgentKey } from '#test/build/an-agent-key.ts';
import { bindingNamed, linkOf } from '#test/build/records.ts';
import { audience } from '../fakes/identity.ts';
import { apiEvent, call, functionSetup, instanceId, place, runningInstance } from './setup.ts';

const setup = functionSetup();
let checkin: unknown;
let operatorChange: unknown;
beforeAll(async () => {
  ({ handler: checkin } = await import('../../functions/checkin.ts'));
  ({ handler: operatorChange } = await import('../../functions/operator-change.ts'));
});

/** An instance on record whose agent is enrolled with a key. */
async function enrolledAgent(nth: number): Promise<AgentKey> {
  const key = newAgentKey();
  const agent = { id: key.id, version: '1', bootId: 'b', enrolledAt: Date.now(), state: null, stateAt: null };
  await runningInstance(setup, nth, { agent, management: { status: 'enrolled', reason: 'enrollment_key' } });
  const binding = bindingNamed(key.id, { ...place, instanceId: instanceId(nth), publicKey: key.publicKeyX });
  await setup.store.commit([{ kind: 'binding', before: undefined, after: binding }]);
  return key;
}

/** An agent that checks in without a pause, as another boot each time, until it is told to stop. */
function crowd(key: AgentKey, nth: number) {
  const codes: string[] = [];
  let stopped = false;
  const loop = async () => {
    let previousLink: string | null = null;
    // Once more after it was told to stop
    for (let seq = 1, isLast = false; !isLast; seq++) {
      isLast = stopped;
      const link = linkOf(seq % 250);
      const said = { instanceId: instanceId(nth), bootId: `b${seq}`, state: 'operational', link, previousLink };
      const body = JSON.stringify(said);
      const claims = { htm: 'POST', htu: `${audience}/v1/checkin`, iat: Math.floor(Date.now() / 1000), seq };
      const authorization = `Bearer ${signAgentToken(key, { ...claims, bsh: bodyHash(body) })}`;
      const headers = { 'content-type': 'application/json', authorization };
      const { json } = await call(checkin, apiEvent('POST', '/v1/checkin', { headers, body }));
      codes.push(String(json.code ?? json.link));
      if (json.link === 'taken') previousLink = link;
    }
  };
  const done = loop();
  const stop = () => {
    stopped = true;
    return done;
  };
  return { codes, stop };
}

const endings: readonly [action: string, body: object | undefined, then: object][] = [
  ['release', undefined, { management: { reason: 'released' }, agent: null }],
  ['block', undefined, { management: { reason: 'blocked' }, agent: null }],
  ['re-enroll', { agentId: newAgentKey().id }, { management: { reason: 'awaiting_enrollment' }, agent: null }],
];

describe('an agent that checks in without a pause, as another boot each time', () => {
  it.each(endings)('does not hold off %s', async (action, body, then) => {
    const statuses: number[] = [];
    for (let round = 0; round < 5; round++) {
      const nth = 100 + endings.findIndex(([name]) => name === action) * 10 + round;
      const key = await enrolledAgent(nth);
      const agent = crowd(key, nth);
      while (agent.codes.length < 3) await new Promise((resolve) => setImmediate(resolve));
      const url = `/v1/instances/${place.account}/${place.region}/${instanceId(nth)}/${action}`;
      const event = apiEvent('POST', url, { pathParameters: { ...place, id: instanceId(nth) } });
      const sent = body ? { ...body, agentId: newAgentKey().id } : undefined;
      const { statusCode } = await call(operatorChange, { ...event, ...(sent && { body: JSON.stringify(sent) }) });
      statuses.push(statusCode);
      await agent.stop();
      expect(agent.codes.at(-1)).toBe('key_denied');
      expect(await setup.store.getInstance({ ...place, instanceId: instanceId(nth) })).toMatchObject(then);
      expect(await setup.store.get('binding', key.id)).toMatchObject({ status: 'denied' });
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
  });
});
