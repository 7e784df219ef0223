import { beforeAll, describe, expect, it } from 'vitest';
import { runSeed } from '../region/run.ts';
import { dying, overtaken, type Weather } from '../region/weather.ts';

/** Each names what `test/simulation/region/watch.ts` and `verdict.ts` look at in every one of these runs. */
const invariants = [
  ['2 convergence', 'once nothing has happened for long enough, every record says what EC2 says'],
  ['5 absorption', 'nothing leaves what EC2 itself called terminated'],
  ['6 monotone epoch', 'a named epoch never goes back'],
  ['8 freshness', 'the stamp of what was last applied never goes back'],
  ['10 absence is not death', 'only a sweep ever infers an end'],
  ['12', 'consumers and history hold exactly the events that the changes owe'],
  ['13 bijection', 'a server and its instance name each other after every single write'],
  ['14 no theft', 'an enrolled instance keeps its agent'],
  ['15 account isolation', 'an account that is not registered leaves no record'],
  ['16 intent first', 'nothing is launched without a durable intent'],
  ['17 at most one', 'one launch makes one instance at most'],
  ['18 adoption', 'what EC2 launched for Muster ends attached, or surplus and visible'],
  ['20 failure is named', 'a launch that fails says why'],
  ['21 not', 'discovered-only comes neither early nor twice'],
  ['22 not never', 'discovered-only comes within a tick and S of its deadline'],
  ['23 running time only', 'only a running instance is discovered'],
  ['24 reversible', 'enrollment, once there, stays'],
  ['25 heartbeats', 'no enrollment and no check-in changes a cloud state, however wrong the clock'],
  ['34 operators win', 'an enrollment that an operator has ended never comes back, and a block stays'],
  ['35 agents cannot crowd', 'an agent that floods Muster is heard at most every five seconds'],
  ['28 partial failure', 'without deaths and outages no message is given up'],
  ['a defect', 'the program itself makes no mistake'],
] as const;

/** `npm run soak -- --seeds N` runs as many more as there is time for. */
const noDeaths: Partial<Weather> = { deaths: [], spells: [] };
const weathers: readonly [string, Partial<Weather>, number][] = [
  ['any weather', {}, 18],
  ['all events lost', { bus: [{ what: 'drop', where: { service: 'events', bus: 'default' } }] }, 5],
  ['every process dying often', { deaths: dying(0.05) }, 5],
  ['writers in each other’s way', { ...noDeaths, overtaking: overtaken(0.8) }, 5],
];

describe.each(weathers)('in %s', (_name, change, seeds) => {
  const broken: string[] = [];
  beforeAll(async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const run = await runSeed(seed, change);
      broken.push(...run.broken.map((what) => `${what} (seed ${seed})`));
    }
  });

  it.each(invariants)('%s: %s', (invariant) => {
    expect(broken.filter((what) => what.startsWith(invariant))).toEqual([]);
  });

  it('breaks no other invariant', () => {
    expect(broken).toEqual([]);
  });
});
