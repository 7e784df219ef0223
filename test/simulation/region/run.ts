import { random } from '#local/random.ts';
import { seconds } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { Agents } from './agents.ts';
import { startWorkload } from './fleet.ts';
import { Operators } from './operators.ts';
import { Pipeline } from './pipeline.ts';
import { verdict } from './verdict.ts';
import { Watch } from './watch.ts';
import { applyFaults, drawWeather, type Weather } from './weather.ts';

/** One simulated run, and what was wrong with it. */
export interface Run {
  broken: string[];
  /** Lines for `muster replay`. */
  timeline: readonly string[];
  weather: Weather;
  pipeline: Pipeline;
  watch: Watch;
}

/** Agents check in less often than they would: a run's time would be spent on that alone. */
const timing = { ...defaultTiming, checkinIntervalSeconds: 240 };
const spanMs = seconds(5400);
/**
 * Long enough for everything that waits: messages in the hands of dead processes (half an hour), the enrollment deadline
 * of a sweep's find (three quarters), the turn of an empty pair (an hour), two sweeps more than S apart after that.
 */
const quietMs = seconds(3 * 3600);
const hostileShare = 0.1;
const skewsMs = [0, 0, 0, seconds(200), -seconds(200), seconds(36_000), -seconds(36_000)];

/** Everything at once, from one seed: a fleet that does things, in foul weather, then calm, then the verdict. */
export async function runSeed(seed: number, change: Partial<Weather> = {}): Promise<Run> {
  const watch = new Watch();
  const pipeline = new Pipeline({ seed, watch, timing });
  const weather = { ...drawWeather(random(seed ^ 0x5eed), spanMs), ...change };
  new Agents(pipeline, () => ({
    skewMs: skewsMs[Math.floor(pipeline.random() * skewsMs.length)] ?? 0,
    isHostile: pipeline.random() < hostileShare,
  }));
  startWorkload(pipeline, { servers: 3, directLaunches: 4, changes: 16, spanMs });
  const operators = new Operators(pipeline);
  operators.startActing(weather.acts, spanMs);
  applyFaults(pipeline, weather);
  await pipeline.clock.advanceBy(spanMs);
  pipeline.faults.clear();
  await pipeline.clock.advanceBy(quietMs);
  const broken = [...(await verdict(pipeline, watch)), ...(await operators.broken(watch))];
  const excused = weather.deaths.length > 0 || weather.spells.length > 0;
  if (pipeline.deadLetters() > 0 && !excused) broken.push('28 partial failure: a message was given up for no reason');
  return { broken, timeline: pipeline.timeline.lines, weather, pipeline, watch };
}
