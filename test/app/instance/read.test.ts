import { describe, expect, it } from 'vitest';
import { listInstances, showInstance } from '#shared/app/instance/read.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { instanceNamed, leaseOf, second, start } from '#test/build/records.ts';
import { refusalOf } from '#test/fakes/refusal.ts';
import { here, operatorSetup } from '../operator-setup.ts';

describe('what an operator sees', () => {
  const agent = {
    id: 'agent',
    version: '0.1.0',
    bootId: 'b0',
    enrolledAt: start,
    state: 'operational',
    stateAt: start,
  };
  const enrolled = {
    cloud: { state: 'running', at: start, runningAt: start },
    management: { status: 'enrolled' },
    agent,
  } as const;
  const silentAfter = (4 * defaultTiming.checkinIntervalSeconds + 20) * second;

  it('of an agent is silence after four intervals and twenty seconds without a word', async () => {
    const { ports, store } = operatorSetup();
    await store.saveInstance(undefined, instanceNamed('i-1', enrolled));
    await store.renewLease(undefined, leaseOf('i-1', { lastSeenAt: start + second }));
    const shown = async (now: number) => (await showInstance(here, now, ports)).agent;
    expect(await shown(start + second + silentAfter)).toMatchObject({
      silent: false,
      lastSeenAt: '2026-11-02T10:00:01Z',
    });
    expect(await shown(start + second + silentAfter + 1)).toMatchObject({ silent: true });
  });

  it('of an agent is its enrollment where it has said nothing since: the lease may be of the agent before', async () => {
    const { ports, store } = operatorSetup();
    await store.saveInstance(undefined, instanceNamed('i-1', enrolled));
    await store.renewLease(undefined, leaseOf('i-1', { agentId: 'former', lastSeenAt: start - 3600 * second }));
    const { agent: shown } = await showInstance(here, start + second, ports);
    expect(shown).toMatchObject({ lastSeenAt: '2026-11-02T10:00:00Z', silent: false });
  });

  it('of warnings is each of them, the most severe first, and that one as the prediction', async () => {
    const { ports, store } = operatorSetup();
    const at = start + second;
    const warnings = [
      { kind: 'spot_interruption', since: at, saidAt: at, deadline: at + 120 * second },
      { kind: 'rebalance_recommendation', since: start, saidAt: start, deadline: null },
    ] as const;
    await store.saveInstance(undefined, instanceNamed('i-1', enrolled, { cloud: { warnings } }));
    const { prediction, warnings: shown } = await showInstance(here, at, ports);
    expect(prediction).toEqual({ what: 'spot_interruption', at: '2026-11-02T10:00:01Z' });
    expect(shown).toEqual([
      { kind: 'spot_interruption', severity: 1, since: '2026-11-02T10:00:01Z', deadline: '2026-11-02T10:02:01Z' },
      { kind: 'rebalance_recommendation', severity: 7, since: '2026-11-02T10:00:00Z', deadline: null },
    ]);
  });

  it('of an instance that is none is a refusal', async () => {
    const { ports } = operatorSetup();
    expect(await refusalOf(showInstance(here, start, ports))).toEqual({
      code: 'not_found',
      facts: { ...here },
    });
  });

  it('of a long list comes in pages, each record once', async () => {
    const { ports, store } = operatorSetup();
    await store.ensurePair('111122223333', 'us-east-1');
    const ids = ['i-1', 'i-2', 'i-3', 'i-4', 'i-5'];
    for (const id of ids) await store.saveInstance(undefined, instanceNamed(id, enrolled));
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more; more = after !== null) {
      const page: Awaited<ReturnType<typeof listInstances>> = await listInstances({ size: 2, after }, start, ports);
      seen.push(...page.items.map(({ instanceId }) => instanceId));
      after = page.nextPageToken;
    }
    expect(seen).toEqual(ids);
  });
});
