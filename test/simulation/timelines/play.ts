import type { Instance } from '#shared/domain/instance/instance.ts';
import { type Case, newCase, replay } from '#shared/domain/replay.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { readLine } from '../../../cli/commands/replay.ts';
import { linesOf, type Timeline } from './model.ts';

/** Feeds a timeline through the pure core as `muster replay` would; `watch` sees the case after every line. */
export function play(timeline: Timeline, watch: (state: Case, line: number) => void = () => {}): Case {
  const state = newCase('played');
  for (const [index, text] of linesOf(timeline).entries()) {
    replay(state, readLine(text, index + 1), defaultTiming);
    watch(state, index);
  }
  return state;
}

/** The record of the timeline's one instance. */
export const onlyRecord = (state: Case): Instance | undefined => [...state.instances.values()][0];

/** What a failing property prints: a file for `muster replay`, and what would have been right. */
export function story(timeline: Timeline): string {
  const life = timeline.life.changes.map(({ state, at }) => `${new Date(at).toISOString()} ${state}`);
  return [`truth:`, ...life, `timeline:`, ...linesOf(timeline)].join('\n');
}
