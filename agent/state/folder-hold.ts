import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const fileName = 'agent.sock';
/** If two agents find the socket of a killed agent at the same moment, both have finished the takeover after this time. */
const settlesMs = 300;

/**
 * Reserves the folder, which it makes if need be, for this agent: two agents with one folder would send each other's links, and
 * Muster would take them for a machine and its copy. The reservation ends when the returned function is called or the process
 * ends in any way. Undefined while another agent has the folder. Throws if the folder cannot be used.
 */
export async function holdFolder(folder: string): Promise<(() => Promise<void>) | undefined> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, fileName);
  const server = (await listening(path)) ?? (await takenOver(path));
  if (!server) return undefined;
  server.unref();
  return async () => {
    await new Promise((resolve) => server.close(resolve));
  };
}

/** Listens on a new socket file. Undefined if the file exists, with or without a listener. */
async function listening(path: string): Promise<Server | undefined> {
  const server = createServer((visitor) => visitor.destroy()).listen(path);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EADDRINUSE') return undefined;
    // The path is too long for a socket (about a hundred characters: unix(7)). The agent then runs without a reservation.
    if (code !== 'EINVAL') throw error;
  }
  return server;
}

/** Takes over the socket file that a killed agent has left. Undefined if another agent listens on it, or takes it over too. */
async function takenOver(path: string): Promise<Server | undefined> {
  const answer = await visit(path);
  if (answer !== 'ECONNREFUSED' && answer !== 'ENOENT') return undefined;
  await rm(path, { force: true });
  const server = await listening(path);
  if (!server) return undefined;
  await wait(settlesMs);
  const visited = once(server, 'connection').then(() => true);
  const isOwn = (await visit(path)) === 'connected' && (await Promise.race([visited, wait(settlesMs, false)]));
  if (isOwn) return server;
  // Do not close it: that would remove the file, which belongs to another agent now.
  server.unref();
  return undefined;
}

/** Connects once. Returns `connected` or the error's code. */
async function visit(path: string): Promise<string> {
  const visitor = createConnection(path);
  try {
    await once(visitor, 'connect');
    return 'connected';
  } catch (error) {
    return codeOf(error) ?? 'unknown';
  } finally {
    visitor.destroy();
  }
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;
