import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { shown } from './acts.ts';
import { type Chapter, chapters } from './chapters.ts';
import type { ShownInstance, ShownServer, Stage } from './stage.ts';

/** One row of the verdict: what should be, by EC2 and the agent's own disk, beside what Muster's API shows. */
export interface Row {
  name: string;
  expected: string;
  ended: string;
  ok: boolean;
}

export interface Verdict {
  scenario: Row[];
  instances: ShownInstance[];
  servers: ShownServer[];
}

interface Played {
  chapter: Chapter;
  row: Row;
  key?: InstanceKey;
}

/** Plays chapters side by side, tells each row as it settles, and judges all once more when the last has settled. */
export async function playScenario(
  stage: Stage,
  told: (row: Row, key?: InstanceKey) => void,
  played: readonly Chapter[] = chapters,
): Promise<Verdict> {
  const outcomes = await Promise.all(
    played.map(async (chapter) => {
      const outcome = await playChapter(chapter, stage);
      told(outcome.row, outcome.key);
      return outcome;
    }),
  );
  const scenario = await Promise.all(outcomes.map(({ chapter, key, row }) => (key ? judge(chapter, key, stage) : row)));
  // Without an API there is nothing to list, and every row has said so.
  const { instances, servers } = await fleet(stage).catch(() => ({ instances: [], servers: [] }));
  return { scenario, instances, servers };
}

/** Everything on record, page by page. */
async function fleet(stage: Stage): Promise<Pick<Verdict, 'instances' | 'servers'>> {
  return { instances: await allOf(stage, '/v1/instances'), servers: await allOf(stage, '/v1/servers') };
}

async function allOf<Item>(stage: Stage, path: string): Promise<Item[]> {
  const items: Item[] = [];
  let token: string | null = null;
  do {
    const query: string = token === null ? '' : `?pageToken=${encodeURIComponent(token)}`;
    const page: { items: Item[]; nextPageToken: string | null } = await stage.api('GET', path + query);
    items.push(...page.items);
    token = page.nextPageToken;
  } while (token !== null);
  return items;
}

async function playChapter(chapter: Chapter, stage: Stage): Promise<Played> {
  const { name } = chapter;
  try {
    const key = await chapter.play(stage);
    const settled = stage.until(`${name} is settled`, async () => {
      const row = await judge(chapter, key, stage);
      return row.ok ? row : undefined;
    });
    return { chapter, key, row: await settled.catch(() => judge(chapter, key, stage)) };
  } catch (error) {
    const ended = error instanceof Error ? error.message : String(error);
    return { chapter, row: { name, expected: 'the chapter is played to its end', ended, ok: false } };
  }
}

async function judge(chapter: Chapter, key: InstanceKey, stage: Stage): Promise<Row> {
  const expected = expectation(chapter, key, stage);
  const record = await shown(stage, key);
  const ended = record
    ? wordsFor(record.state, record.management, record.managementReason, record.serverId !== null)
    : 'no record';
  const row = believedToo({ name: chapter.name, expected, ended, ok: expected === ended }, record, stage.believed(key));
  if (!chapter.more || !record) return row;
  const unknown = { expected: 'more to be seen', ended: 'nothing more to be seen' };
  return withMore(row, await chapter.more(stage, key).catch(() => unknown));
}

/** Nothing is right that a listener on Muster's bus does not believe as well. */
function believedToo(row: Row, record: ShownInstance | undefined, believed: string | undefined): Row {
  if (!record || believed === record.state) return row;
  return { ...row, ended: `${row.ended}, but the bus told ${believed ?? 'nothing'}`, ok: false };
}

function withMore(row: Row, { expected, ended }: { expected: string; ended: string }): Row {
  const both = { expected: `${row.expected}, ${expected}`, ended: `${row.ended}, ${ended}` };
  return { ...row, ...both, ok: row.ok && expected === ended };
}

function expectation({ otherwise }: Chapter, key: InstanceKey, stage: Stage): string {
  if (otherwise === 'no record') return otherwise;
  const state = stage.truth(key)?.state ?? 'unknown';
  const enrolled = stage.agentFile(key)?.enrolled;
  if (enrolled) {
    const launched = stage.launchedByMuster(key);
    return wordsFor(state, 'enrolled', launched ? 'launched' : 'enrollment_key', enrolled.serverId !== null);
  }
  return wordsFor(state, otherwise.management, otherwise.reason, stage.launchedByMuster(key));
}

const wordsFor = (state: string, management: string, reason: string, attached: boolean): string =>
  `${state}, ${management} (${reason}), ${attached ? 'attached' : 'no server'}`;

/** The verdict as a table for a person. */
export function verdictTable({ scenario }: Verdict): string {
  const width = (field: 'name' | 'expected') => Math.max(...scenario.map((row) => row[field].length));
  const lines = scenario.map(({ name, expected, ended, ok }) => {
    const told = ok ? ended : `${ended}\n${' '.repeat(width('name') + 4)}should be ${expected}`;
    return `${ok ? '✓' : '✗'} ${name.padEnd(width('name'))}  ${told}`;
  });
  const wrong = scenario.filter(({ ok }) => !ok).length;
  const sum =
    wrong === 0
      ? `All ${scenario.length} ended as they should.`
      : `${wrong} of ${scenario.length} did not end as they should.`;
  return [...lines, '', sum].join('\n');
}
