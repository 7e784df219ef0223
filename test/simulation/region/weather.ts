import { type Timings, usualTimings } from '#local/aws/ec2/power.ts';
import type { Fault } from '#local/faults.ts';
import type { Random } from '#local/random.ts';
import type { Pipeline } from './pipeline.ts';
import { beganAt, regions } from './places.ts';

/** Everything that happens to a fleet in one run, and goes wrong, by the part that it concerns, and how slow and forgetful EC2 is. */
export interface Weather {
  /** EC2's events, between EventBridge and the queue. */
  bus: readonly Fault[];
  /** The internal queues. SQS loses nothing. */
  queues: readonly Fault[];
  /** EC2's answers. */
  lags: readonly Fault[];
  /** Processes that die. */
  deaths: readonly Fault[];
  /** Processes that act between two calls of another one. */
  overtaking: readonly Fault[];
  /** Failures of EC2 that last a while, or happen a few times. */
  spells: readonly Fault[];
  timings: Timings;
  /** How often an operator ends an enrollment, or blocks or unblocks an instance. */
  acts: number;
  /** How long EC2 lists a terminated instance. */
  terminatedMs: number;
}

const pick = <T>(random: Random, items: readonly [T, ...T[]]): T =>
  items[Math.floor(random() * items.length)] ?? items[0];

/** Draws the weather of one run of `spanMs`. All of EC2's answers lag by less than S, as its consistency page promises. */
export function drawWeather(random: Random, spanMs: number): Weather {
  const bus = { service: 'events', bus: 'default' } as const;
  const lag = pick(random, [0, 500, 20_000, 240_000]);
  return {
    bus: [
      { what: 'drop', where: bus, share: pick(random, [0, 0, 0.1, 0.5, 1]) },
      { what: 'repeat', where: bus, share: pick(random, [0, 0.05, 0.4]) },
      { what: 'delay', where: bus, share: pick(random, [0, 0.05, 0.3]), ms: [0, 600_000] },
      { what: 'delay', where: bus, share: pick(random, [0, 0.3]), ms: [0, 999] },
    ],
    queues: (['verify', 'sweep', 'launch'] as const).flatMap((queue): Fault[] => [
      { what: 'repeat', where: { service: 'sqs', queue }, share: pick(random, [0, 0.1]) },
      { what: 'delay', where: { service: 'sqs', queue }, share: 0.1, ms: [0, 20_000] },
    ]),
    lags: [
      {
        ...{ what: 'stale', where: { service: 'ec2' } },
        lags: { newInstanceMs: lag, stateMs: pick(random, [0, 500, lag]), volumesMs: lag, tagsMs: lag },
      },
    ],
    deaths: dying(pick(random, [0, 0.002, 0.014])),
    overtaking: overtaken(pick(random, [0, 0.1, 0.4])),
    spells: Array.from({ length: Math.floor(random() * 4) }, () => drawSpell(random, spanMs)),
    timings: pick(random, [
      usualTimings,
      usualTimings,
      { startMs: [200, 900], stopMs: [200, 900], terminateMs: [200, 900] },
    ]),
    acts: pick(random, [0, 4, 12]),
    terminatedMs: pick(random, [3_600_000, 600_000]),
  };
}

/** Functions and agents die: at this share of the moments before and after their calls. */
export const dying = (share: number): Fault[] =>
  share === 0
    ? []
    : [
        { what: 'die', where: { service: 'lambda' }, share },
        { what: 'die', where: { service: 'agent' }, share },
      ];

/** Another message is handled first: before this share of the functions' calls. */
export const overtaken = (share: number): Fault[] => [{ what: 'overtake', where: { service: 'lambda' }, share }];

function drawSpell(random: Random, spanMs: number): Fault {
  const from = beganAt + random() * spanMs;
  const when = { from, until: from + random() * 900_000 };
  const ec2 = { service: 'ec2' } as const;
  const launches = { service: 'ec2', operation: 'RunInstances' } as const;
  const starts = { service: 'ec2', operation: 'StartInstances' } as const;
  return pick<() => Fault>(random, [
    () => ({ what: 'throttle', where: ec2, when }),
    () => ({ what: 'throttle', where: launches, when }),
    () => ({ what: 'refuse', where: ec2, when, code: 'InternalError' }),
    () => ({ what: 'lose-answer', where: launches, when, times: 2 }),
    () => ({ what: 'lose-answer', where: launches, when }),
    () => ({ what: 'repeat-page', where: ec2, when }),
    () => ({ what: 'empty', where: ec2, when }),
    // A Region that hangs: the time limit of each call ends it.
    () => ({ what: 'refuse', where: { ...ec2, region: pick(random, regions) }, when, code: 'InternalError' }),
    () => ({ what: 'zone-down', where: { ...ec2, zone: `${pick(random, regions)}a` }, when }),
    () => ({ what: 'fail-start', where: launches, when, code: 'Server.InsufficientInstanceCapacity', times: 2 }),
    () => ({ what: 'fail-start', where: starts, when, code: 'Server.InternalError', times: 2 }),
  ])();
}

/** From now on the pipeline has this weather. */
export function applyFaults({ ec2, faults }: Pipeline, weather: Weather): void {
  const { bus, queues, lags, deaths, overtaking, spells, timings, terminatedMs } = weather;
  faults.add(...bus, ...queues, ...lags, ...deaths, ...overtaking, ...spells);
  ec2.timings = timings;
  ec2.visibility = { ...ec2.visibility, terminatedMs };
}
