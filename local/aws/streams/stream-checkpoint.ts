import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** How far one shard was read: the last sequence number dealt with (null: none), and whether the shard ended there. */
export interface ShardProgress {
  readonly after: string | null;
  readonly finished: boolean;
}

/**
 * How far each shard of one stream was read, in a file that is replaced in one step. A file of another stream, or none,
 * means a start from the oldest record: records twice are harmless, lost ones are not.
 */
export class StreamCheckpoint {
  readonly #path: string;
  readonly #streamArn: string;
  readonly #shards: Map<string, ShardProgress>;

  constructor(path: string, streamArn: string) {
    this.#path = path;
    this.#streamArn = streamArn;
    this.#shards = new Map(Object.entries(read(path, streamArn)));
  }

  get(shardId: string): ShardProgress {
    return this.#shards.get(shardId) ?? { after: null, finished: false };
  }

  set(shardId: string, progress: ShardProgress): void {
    this.#shards.set(shardId, progress);
    this.#write();
  }

  /** Forgets the shards that the stream no longer has. */
  keepOnly(shardIds: ReadonlySet<string>): void {
    const gone = [...this.#shards.keys()].filter((id) => !shardIds.has(id));
    if (gone.length === 0) return;
    for (const id of gone) this.#shards.delete(id);
    this.#write();
  }

  #write(): void {
    const text = JSON.stringify({ streamArn: this.#streamArn, shards: Object.fromEntries(this.#shards) });
    writeFileSync(`${this.#path}.new`, text);
    renameSync(`${this.#path}.new`, this.#path);
  }
}

function read(path: string, streamArn: string): Record<string, ShardProgress> {
  try {
    const stored = JSON.parse(readFileSync(path, 'utf8'));
    return stored.streamArn === streamArn ? stored.shards : {};
  } catch {
    return {};
  }
}
