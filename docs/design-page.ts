import { definitionOfAny, kinds } from '#shared/app/records/registry.ts';
import { eventCatalogue } from '#shared/domain/events/event-catalogue.ts';
import { ec2States, isLegalStep, warningKinds } from '#shared/domain/instance/instance.ts';
import { defaultTiming, type Timing } from '#shared/domain/timing.ts';
import { code, table } from './markdown.ts';

/** The design's pages with generated parts, and the parts that each has between its markers. */
export const designParts = (timingSource: string): Record<string, Record<string, string>> => ({
  'docs/design/merging.md': { states: statesTable(), warnings: warningsTable() },
  'docs/design/deadlines.md': { durations: durationsTable(timingSource) },
  'docs/design/events.md': { events: eventsTable() },
  'docs/design/records.md': { kinds: kindsTable() },
});

/** A page with what stands between its markers replaced. Throws if a marker is missing, or if the page has another. */
export function fillParts(page: string, parts: Readonly<Record<string, string>>): string {
  const names = [...page.matchAll(/<!-- generated: (\S+) -->/g)].map(([, name = '']) => name);
  if (names.sort().join() !== Object.keys(parts).sort().join()) throw new Error(`the page has the parts ${names}`);
  return page.replaceAll(
    /<!-- generated: (\S+) -->\n[\s\S]*?<!-- \/generated -->/g,
    (_, name: string) => `<!-- generated: ${name} -->\n${parts[name]}\n<!-- /generated -->`,
  );
}

const statesTable = (): string =>
  table(
    ['Rank', 'State', 'May become'],
    ec2States.map((state, rank) => [
      String(rank),
      code(state),
      ec2States
        .filter((next) => isLegalStep(state, next))
        .map(code)
        .join(', ') || 'nothing',
    ]),
  );

const warningsTable = (): string =>
  table(
    ['Severity', 'Kind'],
    warningKinds.map((kind, index) => [String(index + 1), code(kind)]),
  );

/** Every kind of record, by its definition. */
const kindsTable = (): string =>
  table(
    ['Kind', 'In one list', 'Can be due', 'Consumers are told'],
    kinds.map((kind) => {
      const { place, dueAt, events } = definitionOfAny(kind);
      return [code(kind), ...[place.list, dueAt, events].map(yesOrNo)];
    }),
  );

const yesOrNo = (answer: unknown): string => (answer ? 'yes' : 'no');

const eventsTable = (): string =>
  table(
    ['Detail type', 'Means'],
    Object.entries(eventCatalogue).map(([type, { meaning }]) => [type, meaning]),
  );

/** Each duration with the sentence that documents it in the code. */
function durationsTable(source: string): string {
  const comments = new Map(
    [...source.matchAll(/\/\*\* ([^\n]*) \*\/\n {2}(\w+):/g)].map(([, text = '', name = '']) => [name, text]),
  );
  const rows = Object.keys(defaultTiming).map((name) => {
    const text = comments.get(name);
    if (text === undefined) throw new Error(`shared/domain/timing.ts says nothing about ${name}`);
    const values = [defaultTiming[name as keyof Timing]].flat();
    const shown = values.map(name.endsWith('PerHour') ? (count) => `${count} an hour` : duration);
    return [code(name), shown.join(', '), text];
  });
  return table(['Name', 'Usually', 'Means'], rows);
}

const units = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
] as const;

/** A number of seconds in the largest unit that divides it. */
function duration(seconds: number): string {
  const [size, name] = units.find(([unit]) => seconds >= unit && seconds % unit === 0) ?? ([1, 'second'] as const);
  const count = seconds / size;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
