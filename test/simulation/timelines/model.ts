import type { InstanceKey } from '#shared/domain/instance.ts';
import { formatTime, type Instant } from '#shared/domain/time.ts';
import { answer, described, type Staleness, truthful } from './answers.ts';
import { type BusFaults, deliver } from './bus.ts';
import { type Change, drawLife, type Life, lastChange } from './life.ts';
import { between, integer, pick, type Random } from './random.ts';

/** A line of a timeline (docs/replay.md), still as an object. */
export type Line = Readonly<Record<string, unknown>> & { receivedAt: string };

/** What a timeline is made with. Everything else comes from the seed. */
export interface Faults extends BusFaults {
  staleness: Staleness;
  /** At most this many describes by id, at any time of the life and shortly after. */
  describes: number;
  /** At most this many complete sweeps in between. */
  sweeps: number;
  /** Complete and truthful sweeps after the end, each more than S after all before it. */
  finalSweeps: number;
}

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
  const looks = [
    ...askings(random, life, faults.describes, faults, heard).map((sentAt) =>
      look(random, name, life, sentAt, faults.staleness, false),
    ),
    ...askings(random, life, faults.sweeps, faults, heard).map((sentAt) =>
      look(random, name, life, sentAt, faults.staleness, true),
    ),
  ];
  const lines = [...heard, ...looks].sort((a, b) => Date.parse(a.receivedAt) - Date.parse(b.receivedAt));
  const settledAt = Math.max(lastChange(life).at, ...lines.map(({ receivedAt }) => Date.parse(receivedAt)));
  const final = finalSweeps(random, name, life, settledAt, faults.finalSweeps);
  return {
    life,
    truth: lastChange(life),
    listedAtEnd: final.lastSentAt <= life.listedUntil,
    lines: [...lines, ...final.lines],
  };
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
  const until = Math.max(lastChange(life).at, ...heard.map(({ receivedAt }) => Date.parse(receivedAt))) + 60_000;
  return Array.from({ length: integer(random, 0, most) }, () => {
    if (!faults.flood && random.next() < 0.7)
      return pick(random, life.changes).at + Math.round(between(random, 0, 10_000));
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
