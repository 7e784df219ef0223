import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { holdFolder } from './folder-hold.ts';

/** The place where an agent keeps its state. */
export interface StateFolder {
  /** The folder's path, for log lines. */
  path: string;
  /** The state file's path, for error messages. */
  file: string;
  /** Reserves the folder for this agent until the returned function is called. Undefined while another agent has it. */
  hold: () => Promise<(() => Promise<void>) | undefined>;
  /** The state file's text; undefined if there is no file yet. Throws if the file cannot be read. */
  read: () => Promise<string | undefined>;
  /** Replaces the text, whole or not at all. It is safe on the disk when this returns. */
  write: (text: string) => Promise<void>;
}

/** A folder on the disk. It is made, for its owner alone, when an agent holds it first. */
export function openStateFolder(path: string): StateFolder {
  const file = join(path, 'agent.json');
  return {
    path,
    file,
    hold: () => holdFolder(path),
    read: () =>
      readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return undefined;
      }),
    write: (text) => replaceFile(path, file, text),
  };
}

/** After a power cut the disk has the old file or the new one, never a part of it. */
async function replaceFile(folder: string, path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

/** A rename is safe on the disk once its folder is synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
