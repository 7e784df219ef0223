import { describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import { recordNotifications } from '#shared/app/cloud/record-notification.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { eventsOf } from '#shared/domain/events/events.ts';
import { type Ec2State, ec2States, isLegalStep } from '#shared/domain/instance/instance.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { second, start } from '#test/build/records.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';

const key = { account: '111122223333', region: 'us-west-2', instanceId: 'i-0123456789abcdef0' };

/** What arrives from another Region: EventBridge's id and time of the hop, whatever EC2's were. */
const arrived = (state: Ec2State, hopAt: number, id = `hop-${state}-${hopAt}`) => ({
  id,
  'detail-type': 'EC2 Instance State-change Notification',
  source: 'aws.ec2',
  account: key.account,
  time: `${new Date(hopAt).toISOString().slice(0, 19)}Z`,
  region: key.region,
  resources: [`arn:aws:ec2:${key.region}:${key.account}:instance/${key.instanceId}`],
  detail: { 'instance-id': key.instanceId, state },
});

function setup() {
  const told: string[] = [];
  const store = createMemoryStore({
    timing: defaultTiming,
    onChange: (change) => {
      if (change.kind !== 'instance' || !change.after) return;
      for (const { data } of eventsOf(change.before, change.after))
        told.push(`${data.state}${data.late ? ' late' : ''}`);
    },
  });
  const verify = new KeepingOutbox<VerifyMessage>();
  const ports = { store, verify, eventSource: 'aws.ec2', homeRegion: 'us-east-1', timing: defaultTiming };
  const record = (state: Ec2State, atSeconds: number, id?: string) => {
    const hopAt = start + atSeconds * second;
    return recordNotifications([arrived(state, hopAt, id)], hopAt, { ...ports, isRegistered: () => true });
  };
  return { told, verify, record, shown: async () => (await store.getInstance(key))?.cloud };
}

describe('an event that crossed a Region', () => {
  it('takes the next step with one write and no question, whatever its stamp', async () => {
    const { record, verify, shown } = setup();
    await record('pending', 0);
    verify.sent.length = 0;
    expect(await record('running', 20)).toMatchObject([{ what: 'applied' }]);
    expect(verify.sent).toEqual([]);
    expect(await shown()).toMatchObject({ state: 'running', verify: null });
  });

  it('is put where EC2’s steps have it, though its stamp is up to a minute late', async () => {
    const { record, told, shown } = setup();
    await record('pending', 0);
    await record('stopping', 31);
    await record('running', 60);
    expect(await shown()).toMatchObject({ state: 'stopping', verify: null });
    expect(told.slice(0, 3)).toEqual(['pending', 'stopping', 'running late']);
  });

  it('that comes twice is told once, and EC2 is asked', async () => {
    const { record, told, verify, shown } = setup();
    await record('pending', 0);
    await record('running', 20);
    verify.sent.length = 0;
    expect(await record('running', 23, 'the same again')).toMatchObject([{ what: 'unchanged' }]);
    expect(told.filter((state) => state === 'running')).toHaveLength(1);
    expect(await shown()).toMatchObject({ state: 'running', verify: null });
    expect(verify.sent).toHaveLength(1);
  });
});

it('no life ends silently wrong, with late and repeated hops', async () => {
  let doubted = 0;
  const lives = 1000;
  for (let seed = 1; seed <= lives; seed++) {
    const draw = random(seed);
    const { record, verify, shown } = setup();
    const { events, truth } = life(draw);
    let questions = 0;
    for (const { state, at } of events) {
      // Whatever was asked before may have been answered before
      questions = verify.sent.length;
      await record(state, at, `${state}-${draw()}`);
    }
    const cloud = await shown();
    if (cloud?.verify || verify.sent.length > questions) doubted += 1;
    else expect({ seed, state: cloud?.state }).toEqual({ seed, state: truth });
  }
  expect(doubted / lives).toBeLessThan(0.06);
});

/** A life by EC2's steps, each told after a delay: one in ten by up to 50 s, one in twenty twice. In the order of arrival. */
function life(draw: () => number): { events: { state: Ec2State; at: number }[]; truth: Ec2State } {
  let truth: Ec2State = 'pending';
  let at = 0;
  const events: { state: Ec2State; at: number }[] = [];
  const steps = 2 + Math.floor(draw() * 7);
  for (let step = 0; step < steps; step++) {
    const delay = () => (draw() < 0.1 ? draw() * 50 : draw() * 2);
    events.push({ state: truth, at: at + delay() });
    if (draw() < 0.05) events.push({ state: truth, at: at + delay() });
    const next = ec2States.filter((state) => isLegalStep(truth, state));
    if (next.length === 0 || step === steps - 1) break;
    truth = next[Math.floor(draw() * next.length)] as Ec2State;
    at += 5 + draw() * 120;
  }
  return { events: events.sort((a, b) => a.at - b.at), truth };
}
