import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/** Lines that a journal may hold beyond twice its live entries before it is rewritten. */
const slackLines = 1000;

/**
 * A Map that survives `kill -9`: every change is one line of JSON, `[key, value]` or `[key]` for a deletion, written
 * before `set` or `delete` returns. The kernel holds what a killed process wrote, so nothing is synced to the disk: a
 * power cut is not survived. A last line that was torn is cut off when the journal is opened. Values must be JSON and
 * are not to be changed in place.
 */
export class JournaledMap<V> extends Map<string, V> {
  readonly #path: string;
  #file: number;
  #lines: number;

  private constructor(path: string, entries: Map<string, V>, lines: number) {
    super();
    for (const [key, value] of entries) super.set(key, value);
    this.#path = path;
    this.#lines = lines;
    this.#file = openSync(path, 'a');
  }

  /** Opens the journal at `path`, or makes it. Throws if a line other than a torn last one is no entry. */
  static open<V>(path: string): JournaledMap<V> {
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const whole = bytes.lastIndexOf('\n') + 1;
    if (whole < bytes.length) truncateSync(path, whole);
    const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1);
    return new JournaledMap(path, replay<V>(lines, path), lines.length);
  }

  override set(key: string, value: V): this {
    this.#append([key, value]);
    super.set(key, value);
    this.#compact();
    return this;
  }

  override delete(key: string): boolean {
    if (!this.has(key)) return false;
    this.#append([key]);
    super.delete(key);
    this.#compact();
    return true;
  }

  override clear(): void {
    for (const key of [...this.keys()]) this.delete(key);
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(entry: readonly unknown[]): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
    this.#lines += 1;
  }

  /** The new file takes the old one's place in one step: a kill leaves either the one or the other. */
  #compact(): void {
    if (this.#lines <= 2 * this.size + slackLines) return;
    const fresh = `${this.#path}.new`;
    writeFileSync(fresh, [...this].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    renameSync(fresh, this.#path);
    closeSync(this.#file);
    this.#file = openSync(this.#path, 'a');
    this.#lines = this.size;
  }
}

function replay<V>(lines: readonly string[], path: string): Map<string, V> {
  const entries = new Map<string, V>();
  for (const [index, line] of lines.entries()) {
    const entry = parse(line);
    if (entry === null) throw new Error(`Line ${index + 1} of ${path} is no journal entry.`);
    const [key, ...value] = entry;
    if (value.length === 0) entries.delete(key);
    else entries.set(key, value[0] as V);
  }
  return entries;
}

function parse(line: string): [string, ...unknown[]] | null {
  try {
    const entry: unknown = JSON.parse(line);
    return Array.isArray(entry) && typeof entry[0] === 'string' ? (entry as [string, ...unknown[]]) : null;
  } catch {
    return null;
  }
}
