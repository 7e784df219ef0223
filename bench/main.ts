import { parseArgs } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startDynamoDbLocal } from '#local/aws/dynamodb/dynamodb-local.ts';
import { describesPerLife } from './describes.ts';
import { billOf, history, type Origin, records, spentOnLife } from './life-cycle.ts';
import { type Speed, speedOfEnrollment, speedOfMerge, speedOfReplay } from './speed.ts';
import { loadStream } from './stream.ts';
import { measureSweep } from './sweep.ts';

/** One figure. `floor`: what nothing can be below, where that is known; `goal`: what Muster sets itself. */
interface Figure {
  name: string;
  value: number;
  unit: string;
  floor: number | null;
  ratio: number | null;
  goal: string | null;
}

const figure = (name: string, value: number, unit: string, floor: number | null, goal: string | null): Figure => ({
  name,
  value: rounded(value),
  unit,
  floor: floor === null ? null : rounded(floor),
  ratio: floor === null || floor === 0 ? null : rounded(value / floor),
  goal,
});

const rounded = (value: number): number => Number(value.toPrecision(4));

/** The floor of eleven is a perfect design's: eight events, two moves of the deadline's index, one attachment in the same item. */
async function costs(client: DynamoDBClient): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const origin of ['adopted', 'launched'] as const satisfies readonly Origin[]) {
    const bill = billOf(await spentOnLife(client, origin, await records(client)));
    const told = (await spentOnLife(client, origin, await history(client))).reduce(
      (sum, { writes }) => sum + writes,
      0,
    );
    figures.push(
      figure(`${origin}: events, deadline, attachment`, bill.life, 'write units', 11, '14'),
      figure(`${origin}: facts, lease, key, agent’s word`, bill.beside, 'write units', null, '4'),
      ...(origin === 'launched' ? [figure('launched: the launch itself', bill.launch, 'write units', null, null)] : []),
      figure(`${origin}: history`, told, 'write units', null, '12'),
      figure(`${origin}: reads on the way of an event`, bill.hotReads, 'read units', 0, '0'),
      figure(`${origin}: reads in all`, bill.reads, 'read units', 0, null),
      figure(`${origin}: describes at batch 100`, await describesPerLife(origin), 'calls', null, '0.02'),
    );
  }
  return figures;
}

/** One shard of the stream, at 20 ms for each call of an AWS service: a model's time, but for the processor's. */
async function stream(): Promise<Figure[]> {
  const [steady, backlog] = [await loadStream(5000, 1000), await loadStream(5000, Number.POSITIVE_INFINITY)];
  return [
    figure('stream: changes told from a backlog', 5000 / (backlog.tookMs / 1000), 'a second', null, '1000'),
    figure('stream: longest wait at 1,000 changes a second', steady.longestWaitMs, 'ms', null, null),
    figure('stream: processor’s time for one change', backlog.cpuMicroseconds, 'µs', null, null),
  ];
}

const inMicroseconds = (name: string, { nanoseconds, floorNanoseconds }: Speed, goal: string): Figure =>
  figure(name, nanoseconds / 1000, 'µs', floorNanoseconds / 1000, goal);

async function speeds(): Promise<Figure[]> {
  const perMinute = ({ nanoseconds, floorNanoseconds }: Speed) =>
    [6e10 / nanoseconds, 6e10 / floorNanoseconds] as const;
  const [merge, replay, enrollment] = [await speedOfMerge(), await speedOfReplay(), await speedOfEnrollment()];
  const [lines, linesAtBest] = perMinute(replay);
  return [
    figure('one event, from text to record', merge.nanoseconds, 'ns', merge.floorNanoseconds, null),
    figure('replay', lines, 'lines a minute', linesAtBest, '1000000'),
    inMicroseconds('one enrollment verified', enrollment.whole, 'x 2.3'),
    // SPIRE's reader, in Go, takes about 61 µs for the same on a core of this kind
    inMicroseconds('its CMS object and document alone', enrollment.object, '61'),
  ];
}

function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, floor, ratio, goal }) => [
    ...[name, `${value} ${unit}`, floor === null ? '' : String(floor), ratio === null ? '' : `x ${ratio}`, goal ?? ''],
  ]);
  const all = [['', 'value', 'floor', 'ratio', 'goal'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A Region where nothing changed. With `--full` as large as the goal says, which takes some minutes. */
async function sweeps(isFull: boolean): Promise<Figure[]> {
  const size = isFull ? { live: 100_000, dead: 500_000 } : { live: 5000, dead: 25_000 };
  const { sweep, floor } = await measureSweep(size);
  const name = `sweep, ${size.live} live and ${size.dead} ended`;
  const writes = Object.entries(sweep.requests).filter(([command]) => !/^(Get|Query)/.test(command));
  return [
    figure(`${name}: time`, sweep.ms / 1000, 's', floor.ms / 1000, '300'),
    figure(`${name}: processor’s time`, sweep.cpuMs / 1000, 's', floor.cpuMs / 1000, null),
    figure(`${name}: resident memory`, sweep.megabytes, 'MB', floor.megabytes, '256'),
    figure(
      `${name}: writes`,
      writes.reduce((sum, [, count]) => sum + count, 0),
      'requests',
      1,
      '1',
    ),
  ];
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, full: { type: 'boolean', default: false } },
});
const { endpoint, stop } = await startDynamoDbLocal({ folder: null });
const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials });
try {
  const figures = [...(await costs(client)), ...(await stream()), ...(await sweeps(values.full)), ...(await speeds())];
  console.log(values.json ? JSON.stringify(figures) : table(figures));
} finally {
  client.destroy();
  await stop();
}
