import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Problem } from '#shared/domain/problems.ts';
import { newGrantKey } from '#shared/identity/grant.ts';

/**
 * Makes a grant here: the seed goes into a new file that nobody else may read, the public half to Muster. The file is made
 * first, so that nothing is registered where its seed cannot be kept.
 */
export async function makeGrant(
  path: string,
  register: (publicKey: string) => Promise<object>,
  contentOf: (answer: object, seed: string) => object,
): Promise<object> {
  const { seed, publicKeyX } = newGrantKey(randomBytes);
  const file = await openNew(path);
  try {
    const answer = await register(publicKeyX);
    const content = contentOf(answer, Buffer.from(seed).toString('base64url'));
    await file.writeFile(`${JSON.stringify(content)}\n`);
    return answer;
  } catch (error) {
    // If only the answer was lost, the public half is registered, but its seed is nowhere: it enrolls nobody.
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** A file that was not there before. */
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
