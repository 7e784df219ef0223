import type { PublishedEvent } from '#shared/app/events/event-bus.ts';
import type { HistoryLink, ToldEntry } from '#shared/app/ports.ts';
import { expiryAfter } from './instance-item.ts';
import { historyItemKey, historyLinkKey, historyTold } from './keys.ts';
import { foreignPageToken, readPageToken } from './page-token.ts';
import { fromItem, type Item, keyOfItem, toItem } from './table.ts';

const keptSeconds = 400 * 86_400;
/** Longer than the last entry that it leads to: an event of an ended instance may come so much later. */
const linkKeptSeconds = keptSeconds + 30 * 86_400;

type Members = Readonly<Record<string, unknown>>;

/** An entry as its item keeps it: what all its events have in common stands once, so that it stays under a kilobyte. */
interface Kept {
  /** The record that changed. */
  of: string;
  meta: Members;
  data: Members;
  events: readonly { type: string; id: string; data: Members }[];
}

export function historyItem(entry: ToldEntry): Item {
  const { record, changedAt, events } = entry;
  const common = commonTo(events.map(({ detail }) => detail.data));
  const { id: _, ...meta } = (events[0] as PublishedEvent).detail.meta;
  const kept: Kept = {
    of: record,
    meta,
    data: common,
    events: events.map(({ detailType, detail }) => ({
      type: detailType,
      id: detail.meta.id,
      data: without(common, detail.data),
    })),
  };
  return toItem({ ...historyItemKey(entry), ...kept, expiresAt: expiryAfter(changedAt, keptSeconds) });
}

export const linkItem = (link: HistoryLink): Item =>
  toItem({ ...historyLinkKey(link), expiresAt: expiryAfter(link.changedAt, linkKeptSeconds) });

function commonTo(all: readonly Members[]): Members {
  const [first = {}, ...others] = all;
  const shared = Object.entries(first).filter(([name, value]) => others.every((other) => other[name] === value));
  return Object.fromEntries(shared);
}

const without = (common: Members, members: Members): Members =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !Object.hasOwn(common, name)));

/** An event of a listing, and its place in it: places are in the order of their texts. */
export interface ListedEvent {
  position: string;
  event: PublishedEvent;
}

/** The events of an item, in their order. */
export function historyEvents(item: Item): ListedEvent[] {
  const { sk } = keyOfItem(item);
  const { meta, data, events } = fromItem(item) as unknown as Kept;
  return events.map((one, nth) => ({
    position: `${sk}#${String(nth).padStart(2, '0')}`,
    event: {
      detailType: one.type,
      detail: { meta: { id: one.id, ...meta }, data: { ...data, ...one.data } } as PublishedEvent['detail'],
    },
  }));
}

/** The position after which a page begins, by its token. */
export function historyPosition(token: string): string {
  const position = readPageToken(token, false).sk;
  if (!position.startsWith(historyTold.from) || position >= historyTold.to) throw foreignPageToken();
  return position;
}
