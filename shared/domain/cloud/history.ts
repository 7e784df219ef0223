import { isLegalStep, type VerifyReason } from '../instance/instance.ts';
import type { Instant } from '../time.ts';
import { type LedgerEntry, orderOf } from './ledger.ts';

/** The entries of a ledger in the order in which they most likely happened. */
export interface History {
  order: readonly LedgerEntry[];
  doubt: Extract<VerifyReason, 'order_unknown' | 'illegal_step'> | null;
}

/** A step that no describe explains weighs more than any number that describes do. */
const missingStep = 100;

/**
 * Reads a ledger. Stamps are whole seconds and off by up to `windowMs`, so entries that close may have happened in either order;
 * a describe's entry may lie anywhere between its two times. Of all orders that the stamps allow, the one with the fewest
 * missing steps counts. The history is in doubt where a step is missing, or where two such orders end differently.
 *
 * What a describe has settled is not asked again: settled entries stay before the last one of them, and what may be
 * missing right before that one does not matter.
 */
export function historyOf(entries: readonly LedgerEntry[], windowMs: number): History {
  const last = entries.findLastIndex(({ settled }) => settled);
  const fixed = last < 0 ? [] : entries.slice(0, last).filter(({ settled }) => settled);
  const anchor = entries[last];
  const open = entries.filter(({ settled }) => !settled);
  const before = fixed.at(-1) ?? anchor;
  const isOld = (entry: LedgerEntry): boolean => before !== undefined && latestOf(entry, windowMs) < before.at;
  const past = [...fixed, ...open.filter(isOld)].sort(orderOf);
  if (before !== anchor && before) moveLast(past, before);
  const pool = [...(anchor ? [anchor] : []), ...open.filter((entry) => !isOld(entry))].sort(orderOf);
  const arranged = arrange(pool, { from: past.at(-1), anchor, windowMs });
  const order = [...past, ...arranged.order];
  const end = terminationIn(order, anchor);
  if (!end) return { order, doubt: arranged.doubt };
  moveLast(order, end);
  return { order, doubt: null };
}

function moveLast(order: LedgerEntry[], entry: LedgerEntry): void {
  order.splice(order.indexOf(entry), 1);
  order.push(entry);
}

/** EC2's own `terminated` ends an instance whatever else is stamped later. A describe that showed it alive afterwards has settled that end. */
function terminationIn(order: readonly LedgerEntry[], anchor: LedgerEntry | undefined): LedgerEntry | undefined {
  const end = order.findLast(({ state }) => state === 'terminated');
  const isUndone = end?.settled && anchor && order.indexOf(end) < order.indexOf(anchor);
  return isUndone ? undefined : end;
}

interface Given {
  /** What comes before all of the pool; undefined where nothing is known. */
  from: LedgerEntry | undefined;
  anchor: LedgerEntry | undefined;
  windowMs: number;
}

function arrange(pool: readonly LedgerEntry[], given: Given): History {
  const inOrder = rank(pool, pool, given);
  if (inOrder.cost === 0 && !mayOverlap(pool, given.windowMs)) return { order: pool, doubt: null };
  const ranked = ordersOf(pool, given.windowMs).map((order) => rank(order, pool, given));
  if (ranked.length >= mostOrders) return { order: pool, doubt: 'order_unknown' };
  const least = Math.min(...ranked.map(({ cost }) => cost));
  // Where every order lacks a step, the whole history decides which one counts.
  const best = least >= missingStep ? ranked : ranked.filter(({ cost }) => cost === least);
  const [{ order } = inOrder] = best.toSorted((a, b) => a.wholeCost - b.wholeCost || a.misplaced - b.misplaced);
  if (least >= missingStep) return { order, doubt: 'illegal_step' };
  // Where no order is whole, one that lacks a single step explains the stamps as well as one with a gap before the settled entry.
  const plausible = least === 0 ? best : ranked.filter(({ cost }) => cost <= missingStep);
  const ends = new Set(plausible.map((one) => one.order.at(-1)?.state));
  return { order, doubt: ends.size > 1 ? 'order_unknown' : null };
}

/** How well an order explains the stamps: what it lacks since the previous start, what it lacks in all, and whether it ends as the stamps do. */
interface Ranked {
  order: readonly LedgerEntry[];
  cost: number;
  wholeCost: number;
  misplaced: 0 | 1;
}

function rank(order: readonly LedgerEntry[], pool: readonly LedgerEntry[], { from, anchor }: Given): Ranked {
  const path = from ? [from, ...order] : order;
  return {
    order,
    cost: costOf(path.slice(previousStart(path)), anchor),
    wholeCost: costOf(path, anchor),
    misplaced: order.at(-1) === pool.at(-1) ? 0 : 1,
  };
}

const mayOverlap = (pool: readonly LedgerEntry[], windowMs: number): boolean =>
  pool.some((entry, index) => pool.slice(index + 1).some((later) => later.at <= latestOf(entry, windowMs)));

function costOf(path: readonly LedgerEntry[], anchor: LedgerEntry | undefined): number {
  let cost = 0;
  for (const [index, entry] of path.entries()) {
    const before = path[index - 1];
    if (before && !isLegalStep(before.state, entry.state)) cost += entry === anchor ? 1 : missingStep;
  }
  return cost;
}

/** Where the start before the present one begins. What is missing further back no longer decides anything. */
function previousStart(path: readonly LedgerEntry[]): number {
  const starts = path.flatMap(({ state }, index) => {
    const before = path[index - 1]?.state;
    const opens = state === 'pending' || (state === 'running' && (before === 'stopping' || before === 'stopped'));
    return opens ? [index] : [];
  });
  return starts.at(-2) ?? 0;
}

/** Of more orders than this none is compared: seven transitions within two seconds are no history that can be told. */
const mostOrders = 1000;

/** The orders in which no entry comes after one that is surely later, but no more than `mostOrders`. */
function ordersOf(pool: readonly LedgerEntry[], windowMs: number): readonly (readonly LedgerEntry[])[] {
  const orders: (readonly LedgerEntry[])[] = [];
  for (const order of allOrders(pool, windowMs)) if (orders.push(order) === mostOrders) break;
  return orders;
}

function* allOrders(pool: readonly LedgerEntry[], windowMs: number): Generator<readonly LedgerEntry[]> {
  if (pool.length <= 1) return yield pool;
  for (const [index, first] of pool.entries()) {
    const rest = pool.filter((_, other) => other !== index);
    if (rest.some((other) => surelyBefore(other, first.at, windowMs))) continue;
    for (const order of allOrders(rest, windowMs)) yield [first, ...order];
  }
}

const surelyBefore = (entry: LedgerEntry, at: Instant, windowMs: number): boolean => latestOf(entry, windowMs) < at;

/** EC2's stamps may be off. Until when an estimated transition had happened is Muster's own time: that of the request. */
const latestOf = ({ at, until }: LedgerEntry, windowMs: number): Instant => (until > at ? until : at + windowMs);
