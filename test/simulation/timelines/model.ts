import type { Random } from '#local/random.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { formatTime, type Instant } from '#shared/domain/time.ts';
import { checksInAt, enrollsAt } from './agents.ts';
import { answer, described, type Staleness, truthful } from './answers.ts';
import { type BusFaults, deliver, usualFaults } from './bus.ts';
import { type Change, drawLife, type Life, lastChange } from './life.ts';
import { between, integer, pick } from './random.ts';

/** A line of a timeline (docs/replay.md), still as an object. */
type Line = Readonly<Record<string, unknown>> & { receivedAt: string };

/** What a timeline is made with. Everything else comes from the seed. */
export interface Faults extends BusFaults {
  staleness: Staleness;
  /** At most this many describes by id, at any time of the life and shortly after. */
  describes: number;
  /** At most this many complete sweeps in between. */
  sweeps: number;
  /** Complete and truthful sweeps after the end, each more than S after all before it. */
  finalSweeps: number;
  /** An agent enrolls once and checks in from then on. */
  agent: boolean;
  /** The clock is looked at this often, from the first line on; null for never. */
  tickMs: number | null;
}

/** A bus that behaves as usual, EC2 not asked, nobody enrolling, no deadlines. */
export const eventsAlone: Faults = {
  ...usualFaults,
  staleness: truthful,
  describes: 0,
  sweeps: 0,
  finalSweeps: 0,
  agent: false,
  tickMs: null,
};

/** A recorded timeline of one instance, and what is true at its end. */
export interface Timeline {
  life: Life;
  truth: Change;
  /** False once EC2 has forgotten the ended instance when the last sweep was sent. */
  listedAtEnd: boolean;
  lines: readonly Line[];
}

const account = '111122223333';
const region = 'us-east-1';
const beginning = Date.parse('2026-11-02T10:00:00Z');
/** A little over S, so that an answer after it is surely true, stamps being off by a second or two. */
const settledMs = 310_000;

/** Draws a life and what Muster gets to see of it. `name` is the case in the timeline. */
export function drawTimeline(random: Random, name: string, faults: Faults): Timeline {
  const life = drawLife(random, anyKey(random), beginning + integer(random, 0, 86_400_000));
  const heard = deliver(random, life, faults).map(({ receivedAt, event }) =>
    line(name, receivedAt, 'event', { event }),
  );
  const told = inOrder([
    ...heard,
    ...lookings(random, name, life, faults, heard),
    ...(faults.agent ? agentLines(random, name, life) : []),
  ]);
  const settledAt = Math.max(lastChange(life).at, ...told.map(momentOf));
  const final = finalSweeps(random, name, life, settledAt, faults.finalSweeps);
  const lines = [...told, ...final.lines];
  return {
    life,
    truth: lastChange(life),
    listedAtEnd: final.lastSentAt <= life.listedUntil,
    lines: faults.tickMs === null ? lines : inOrder([...lines, ...ticks(name, lines, faults.tickMs)]),
  };
}

const momentOf = ({ receivedAt }: Line): Instant => Date.parse(receivedAt);
const inOrder = (lines: readonly Line[]): Line[] => lines.toSorted((a, b) => momentOf(a) - momentOf(b));

function lookings(random: Random, name: string, life: Life, faults: Faults, heard: readonly Line[]): Line[] {
  const looks = (most: number, complete: boolean) =>
    askings(random, life, most, faults, heard).map((sentAt) =>
      look(random, name, life, sentAt, faults.staleness, complete),
    );
  return [...looks(faults.describes, false), ...looks(faults.sweeps, true)];
}

function agentLines(random: Random, name: string, life: Life): Line[] {
  const enrolledAt = enrollsAt(random, life);
  if (enrolledAt === undefined) return [];
  const checkins = checksInAt(random, life, enrolledAt).map((moment) => line(name, moment, 'checkin', life.key));
  return [line(name, enrolledAt, 'enroll', life.key), ...checkins];
}

function ticks(name: string, lines: readonly Line[], everyMs: number): Line[] {
  const first = Math.min(...lines.map(momentOf));
  const last = Math.max(...lines.map(momentOf));
  return Array.from({ length: Math.ceil((last - first) / everyMs) + 1 }, (_, n) =>
    line(name, first + n * everyMs, 'time', {}),
  );
}

function anyKey(random: Random): InstanceKey {
  const digits = Array.from({ length: 17 }, () => integer(random, 0, 15).toString(16));
  return { account, region, instanceId: `i-${digits.join('')}` };
}

const line = (name: string, receivedAt: Instant, observe: string, what: object): Line => ({
  case: name,
  receivedAt: formatTime(Math.round(receivedAt)),
  observe,
  ...what,
});

/** When EC2 is asked: mostly in the seconds after something changed, as Muster asks when in doubt, else at any time. */
function askings(random: Random, life: Life, most: number, faults: Faults, heard: readonly Line[]): Instant[] {
  const from = faults.flood && heard[0] ? Date.parse(heard[0].receivedAt) : (life.changes[0]?.at ?? 0);
  const until = Math.max(lastChange(life).at, ...heard.map(momentOf)) + 60_000;
  return Array.from({ length: integer(random, 0, most) }, () => {
    if (!faults.flood && random() < 0.7) return pick(random, life.changes).at + Math.round(between(random, 0, 10_000));
    return Math.round(between(random, from, until));
  });
}

function look(
  random: Random,
  name: string,
  life: Life,
  sentAt: Instant,
  staleness: Staleness,
  complete: boolean,
): Line {
  const shown = answer(random, life, sentAt, staleness);
  const instances = shown ? [described(life, shown)] : [];
  const receivedAt = sentAt + between(random, 50, 2000);
  return line(name, receivedAt, 'describe', { sentAt: formatTime(sentAt), complete, account, region, instances });
}

/** Sweeps begin after everything has settled: sometimes at once, sometimes when EC2 has forgotten the instance. */
function finalSweeps(random: Random, name: string, life: Life, settledAt: Instant, count: number) {
  const wait = pick(random, [0, 0, 7_200_000]);
  const lines: Line[] = [];
  let sentAt = settledAt;
  for (let sweep = 0; sweep < count; sweep++) {
    sentAt = Math.round(sentAt + settledMs + (sweep === 0 ? wait : 0));
    lines.push(look(random, name, life, sentAt, truthful, true));
  }
  return { lines, lastSentAt: sentAt };
}

/** The timeline as the text of a JSON Lines file. */
export const linesOf = (timeline: Timeline): string[] => timeline.lines.map((one) => JSON.stringify(one));
