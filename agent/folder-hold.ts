import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';

const fileName = 'agent.sock';

/**
 * Holds the folder, made if need be, for this agent alone: two on one folder would send each other's links, and look like a
 * machine and its copy. It is held until the returned function is called or the process ends, however it ends. Throws while
 * another agent holds it.
 */
export async function holdFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, fileName);
  const server = (await listening(path)) ?? (await takenOver(path));
  if (!server) throw new Error(`another agent runs with ${folder}: this one waits for its end`);
  server.unref();
  return async () => {
    await new Promise((resolve) => server.close(resolve));
  };
}

/** Undefined where the file is there, whoever listens on it. */
async function listening(path: string): Promise<Server | undefined> {
  const server = createServer((visitor) => visitor.destroy()).listen(path);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') return undefined;
    // A path too long for a socket (about a hundred characters: unix(7)) holds nobody up
    if (code !== 'EINVAL') throw error;
  }
  return server;
}

/** A killed agent leaves its file, on which nobody listens any more. */
async function takenOver(path: string): Promise<Server | undefined> {
  const visitor = createConnection(path);
  const isHeld = await once(visitor, 'connect').then(
    () => true,
    () => false,
  );
  visitor.destroy();
  if (isHeld) return undefined;
  await rm(path, { force: true });
  return listening(path);
}
