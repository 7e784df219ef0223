/** Runs for all items, so many at once, and answers in their order. The first failure ends it: no other item begins after those under way. */
export async function sideBySide<Item, Result>(
  items: Iterable<Item>,
  atOnce: number,
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let batch: Item[] = [];
  const runBatch = async () => {
    results.push(...(await Promise.all(batch.map(run))));
    batch = [];
  };
  for (const item of items) {
    batch.push(item);
    if (batch.length === atOnce) await runBatch();
  }
  await runBatch();
  return results;
}
