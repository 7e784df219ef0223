/** Things to undo, last first. */
export type Undo = (() => Promise<unknown> | unknown)[];

/**
 * What `make` put together, with a `close` that undoes all of it. `make` notes how to undo each step as it takes it; where
 * one fails, those before it are undone first.
 */
export async function assembled<Made extends object>(
  make: (undo: Undo) => Promise<Made>,
): Promise<Made & { close(): Promise<void> }> {
  const undo: Undo = [];
  const close = async () => {
    for (const step of undo.reverse().splice(0)) await step();
  };
  try {
    return { ...(await make(undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}
