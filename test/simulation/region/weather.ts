import type { CallFault, StartFault } from '#local/aws/ec2/faults.ts';
import { type Timings, usualTimings } from '#local/aws/ec2/power.ts';
import { consistent, type Visibility } from '#local/aws/ec2/sighting.ts';
import { type Faults, noFaults } from '#local/faults.ts';
import type { Random } from '#local/random.ts';
import type { Death } from './killable.ts';
import type { Pipeline } from './pipeline.ts';
import { regions } from './places.ts';
import { type Mortal, noTrouble, queueNames } from './ports.ts';

/** Everything that goes wrong in one run. Times are milliseconds from its beginning. */
export interface Weather {
  /** On EC2's events, between EventBridge and the queue. */
  bus: Faults;
  /** On the internal queues. SQS loses nothing. */
  queues: Faults;
  visibility: Visibility;
  timings: Timings;
  /** The share of invocations, and of agents' turns, that die at one of their first calls. */
  deaths: number;
  intrusion: number;
  spells: readonly Spell[];
}

/** A failure of EC2's that lasts a while, or happens a few times. */
type Spell = { from: number; until: number } & ({ call: CallFault } | { start: StartFault } | { zone: string });

const pick = <T>(random: Random, items: readonly [T, ...T[]]): T =>
  items[Math.floor(random() * items.length)] ?? items[0];

/** Draws the weather of one run of `spanMs`. All of EC2's answers lag by less than S, as its consistency page promises. */
export function drawWeather(random: Random, spanMs: number): Weather {
  const lag = pick(random, [0, 500, 20_000, 240_000]);
  return {
    bus: {
      drop: pick(random, [0, 0, 0.1, 0.5, 1]),
      duplicate: pick(random, [0, 0.05, 0.4]),
      delay: { probability: pick(random, [0, 0.05, 0.3]), maxMs: 600_000 },
      reorder: pick(random, [0, 0.3]),
    },
    queues: { ...noFaults, duplicate: pick(random, [0, 0.1]), delay: { probability: 0.1, maxMs: 20_000 } },
    visibility: {
      newInstanceMs: lag,
      stateMs: pick(random, [0, 500, lag]),
      volumesMs: lag,
      tagsMs: lag,
      terminatedMs: pick(random, [3_600_000, 600_000]),
    },
    timings: pick(random, [
      usualTimings,
      usualTimings,
      { startMs: [200, 900], stopMs: [200, 900], terminateMs: [200, 900] },
    ]),
    deaths: pick(random, [0, 0.02, 0.15]),
    intrusion: pick(random, [0, 0.1, 0.4]),
    spells: Array.from({ length: Math.floor(random() * 4) }, () => drawSpell(random, spanMs)),
  };
}

function drawSpell(random: Random, spanMs: number): Spell {
  const from = random() * spanMs;
  const until = from + random() * 900_000;
  const what = pick<() => Spell>(random, [
    () => ({ from, until, call: { kind: 'throttle' } }),
    () => ({ from, until, call: { kind: 'throttle', operation: 'RunInstances' } }),
    () => ({ from, until, call: { kind: 'error', code: 'InternalError' } }),
    () => ({ from, until, call: { kind: 'lose-answer', operation: 'RunInstances', times: 2 } }),
    () => ({ from, until, call: { kind: 'lose-answer', operation: 'RunInstances' } }),
    () => ({ from, until, call: { kind: 'repeat-page-token' } }),
    () => ({ from, until, call: { kind: 'empty' } }),
    () => ({ from, until, zone: `${pick(random, regions)}a` }),
    () => ({ from, until, start: { on: 'launch', code: 'Server.InsufficientInstanceCapacity', times: 2 } }),
    () => ({ from, until, start: { on: 'start', code: 'Server.InternalError', times: 2 } }),
  ]);
  return what();
}

/** Lets the weather come over the pipeline from now on. */
export function applyFaults(pipeline: Pipeline, weather: Weather): void {
  const { clock, ec2, awsBus, random } = pipeline;
  awsBus.faults = weather.bus;
  for (const name of queueNames) if (name !== 'events') pipeline.queues.queue(name).faults = weather.queues;
  ec2.visibility = weather.visibility;
  ec2.timings = weather.timings;
  pipeline.trouble = {
    deathOf: () => drawDeath(random, weather.deaths),
    comesBetween: () => random() < weather.intrusion,
  };
  for (const spell of weather.spells) {
    clock.after(spell.from, () => setIn(pipeline, spell));
    clock.after(spell.until, () => letUp(pipeline, spell));
  }
}

function drawDeath(random: Random, share: number): Death | null {
  if (random() >= share) return null;
  return { atCall: 1 + Math.floor(random() * 8), when: random() < 0.5 ? 'before' : 'after' };
}

function setIn({ ec2: { faults } }: Pipeline, spell: Spell): void {
  if ('call' in spell) faults.calls.push(spell.call);
  else if ('start' in spell) faults.starts.push(spell.start);
  else faults.impairedZones.push(spell.zone);
}

function letUp({ ec2: { faults } }: Pipeline, spell: Spell): void {
  const without = <T>(list: T[], gone: T) => void (list.includes(gone) && list.splice(list.indexOf(gone), 1));
  if ('call' in spell) without(faults.calls, spell.call);
  else if ('start' in spell) without(faults.starts, spell.start);
  else without(faults.impairedZones, spell.zone);
}

/** The sky clears: from now on everything works, and EC2 tells the truth at once. */
export function clearUp(pipeline: Pipeline): void {
  const { ec2, awsBus, queues } = pipeline;
  awsBus.faults = noFaults;
  for (const name of queueNames) queues.queue(name).faults = noFaults;
  ec2.visibility = { ...consistent, terminatedMs: ec2.visibility.terminatedMs };
  for (const list of [ec2.faults.calls, ec2.faults.starts, ec2.faults.impairedZones]) list.length = 0;
  pipeline.trouble = noTrouble;
}

/** A death at one call of one function or agent, once; for a matrix of them. */
export function dieOnce(name: Mortal, death: Death): { deathOf: (name: Mortal) => Death | null; died: () => boolean } {
  let left = true;
  return {
    deathOf(running) {
      if (!left || running !== name) return null;
      left = false;
      return death;
    },
    died: () => !left,
  };
}
