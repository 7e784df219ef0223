import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replayLines } from '../../cli/commands/replay.ts';

/** Timelines made from public bug reports and recorded answers (test/fixtures/cases/README.md). */
const folder = join(import.meta.dirname, '../fixtures/cases');

/** What `muster replay` has to print of a case. An event is `detail type: state, or reason, or kind`. */
interface Expected {
  /** How many instances. */
  count?: number;
  /** Members of some instances. */
  instances: readonly { instanceId: string }[];
  /** All events, in their order. */
  events?: readonly string[];
  noEvent?: readonly string[];
  someEvent?: string;
  /** Per instance the state that a consumer believes in the end. */
  lastTold?: Readonly<Record<string, string>>;
  /** No state of an instance is told twice with one stamp. */
  toldOnce?: boolean;
}

interface Replayed {
  case: string;
  instances: { instanceId: string }[];
  events: ToldEvent[];
}

interface ToldEvent {
  detailType: string;
  instanceId: string;
  state?: string;
  reason?: string;
  kind?: string;
  at: string;
  sequence: number;
  late?: true;
}

const nameOf = ({ detailType, state, reason, kind }: ToldEvent): string => `${detailType}: ${state ?? reason ?? kind}`;
const changes = ({ events }: Replayed) => events.filter(({ detailType }) => detailType === 'Instance State Changed');

/** What a consumer keeps: per instance the state of the highest sequence that is not late. */
function believed(replayed: Replayed, instanceId: string): string | undefined {
  const counted = changes(replayed).filter((event) => event.instanceId === instanceId && !event.late);
  return counted.toSorted((a, b) => a.sequence - b.sequence).at(-1)?.state;
}

function check(replayed: Replayed, expected: Expected): void {
  if (expected.count !== undefined) expect(replayed.instances).toHaveLength(expected.count);
  for (const instance of expected.instances)
    expect(replayed.instances.find(({ instanceId }) => instanceId === instance.instanceId)).toMatchObject(instance);
  const names = replayed.events.map(nameOf);
  if (expected.events) expect(names).toEqual(expected.events);
  for (const name of expected.noEvent ?? []) expect(names.filter((one) => one.startsWith(name))).toEqual([]);
  if (expected.someEvent) expect(names).toContain(expected.someEvent);
  for (const [instanceId, state] of Object.entries(expected.lastTold ?? {}))
    expect(believed(replayed, instanceId)).toBe(state);
  if (!expected.toldOnce) return;
  const told = changes(replayed).map(({ instanceId, state, at }) => `${instanceId} ${state} ${at}`);
  expect(new Set(told).size).toBe(told.length);
}

describe('a timeline from a report', () => {
  it.each(readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])))(
    '%s ends as it should',
    async (name) => {
      const lines = readFileSync(join(folder, name, 'timeline.jsonl'), 'utf8').split('\n');
      const expected = JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')) as Record<
        string,
        Expected
      >;
      const replayed = (await replayLines(lines)).map((line) => JSON.parse(line) as Replayed);
      expect(replayed.map((one) => one.case)).toEqual(Object.keys(expected));
      for (const one of replayed) check(one, expected[one.case] as Expected);
    },
  );
});
