import type { EventBus, PublishedEvent } from './event-bus.ts';

/** What became of a line of events: so many were told, the first ones; the next one failed for this reason. */
export interface ToldLine {
  told: number;
  error?: unknown;
}

/** How long a refused event waits before it is sent again, in milliseconds. After the last one the stream gives it again. */
const pausesMs = [50, 200, 800];

/**
 * Tells lines of events side by side, and the events of each line one after another. At most one event of a line is on its way: a
 * request may take a later entry and refuse an earlier one (eventbridge/latest/userguide/eb-putevents.html, "Handling failures"). A
 * refused event is sent again, alone with the next ones of the other lines; nothing of its line is told before it.
 */
export async function tellInOrder(
  lines: readonly (readonly PublishedEvent[])[],
  { bus, pause }: { bus: EventBus; pause: (milliseconds: number) => Promise<unknown> },
): Promise<ToldLine[]> {
  const results = lines.map((): ToldLine => ({ told: 0 }));
  const refusedTimes = lines.map(() => 0);
  const isOpen = (line: number) => results[line]?.error === undefined && nextOf(line) !== undefined;
  const nextOf = (line: number) => lines[line]?.[results[line]?.told ?? 0];
  for (let open = [...lines.keys()].filter(isOpen); open.length > 0; open = open.filter(isOpen)) {
    const refusals = await bus.send(open.flatMap((line) => nextOf(line) ?? []));
    let longest = 0;
    for (const [nth, line] of open.entries()) {
      const result = results[line] as ToldLine;
      const refusal = refusals[nth];
      const pauseMs = refusal?.passes ? pausesMs[refusedTimes[line] ?? 0] : undefined;
      if (!refusal) {
        result.told += 1;
        refusedTimes[line] = 0;
      } else if (pauseMs === undefined) result.error = refusal.error;
      else {
        refusedTimes[line] = (refusedTimes[line] ?? 0) + 1;
        longest = Math.max(longest, pauseMs);
      }
    }
    if (longest > 0) await pause(longest);
  }
  return results;
}
