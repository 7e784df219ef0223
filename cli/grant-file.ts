import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Problem } from '#shared/domain/problems.ts';
import { newGrantKey } from '#shared/identity/grant.ts';

/**
 * Makes a grant on this machine: writes the seed to a new file that only this user can read, and registers the public half with
 * Muster. Makes the file first, so that no grant is registered whose seed cannot be stored.
 */
export async function makeGrant(
  path: string,
  register: (publicKey: string) => Promise<object>,
  contentOf: (answer: object, seed: string) => object,
): Promise<object> {
  const { seed, publicKeyX } = newGrantKey(randomBytes);
  const file = await openNew(path);
  const keep = removeIfStopped(path);
  try {
    const answer = await register(publicKeyX);
    const content = contentOf(answer, Buffer.from(seed).toString('base64url'));
    keep();
    await file.writeFile(`${JSON.stringify(content)}\n`);
    return answer;
  } catch (error) {
    // If only the answer was lost, the public half is registered, but no file has its seed: it cannot enroll an agent.
    await rm(path, { force: true });
    throw error;
  } finally {
    keep();
    await file.close();
  }
}

/** Until the returned function is called, SIGINT and SIGTERM remove the file before they end the process. */
function removeIfStopped(path: string): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const stop = (signal: NodeJS.Signals): void => {
    rmSync(path, { force: true });
    keep();
    process.kill(process.pid, signal);
  };
  const keep = (): void => {
    for (const signal of signals) process.off(signal, stop);
  };
  for (const signal of signals) process.once(signal, stop);
  return keep;
}

/** Makes a new file. Throws Problem `usage` if the file exists. */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new Problem('usage', exists ? `${path} exists already, and stays as it is.` : `${path} cannot be made.`);
  }
}

/** The id under which Muster knows a grant. */
export function readGrantId(id: unknown): string {
  if (typeof id === 'string' && id !== '') return id;
  throw new Error('The answer names no key: check that the URL is Muster’s.');
}
