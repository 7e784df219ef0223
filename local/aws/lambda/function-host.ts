import { createWriteStream, type WriteStream } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Faults } from '../../faults.ts';
import { type FunctionName, functionFiles } from '../../topology.ts';

export interface FunctionHostOptions {
  env: Record<string, string>;
  /** Where the functions' log lines go. */
  logFile: string;
  faults: Faults;
  newId: () => string;
}

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/** Stands for Lambda: the exported handlers, invoked by name with an event, behind nothing but their environment. */
export class FunctionHost {
  readonly #worker: Worker;
  readonly #log: WriteStream;
  readonly #waiting = new Map<number, Waiting>();
  readonly #options: FunctionHostOptions;
  #invocations = 0;

  constructor(options: FunctionHostOptions) {
    this.#options = options;
    this.#log = createWriteStream(options.logFile, { flags: 'a' });
    this.#worker = new Worker(new URL('./function-worker.ts', import.meta.url), {
      env: options.env,
      stdout: true,
      stderr: true,
    });
    this.#worker.stdout.pipe(this.#log);
    this.#worker.stderr.pipe(this.#log);
    this.#worker.on('message', (answer: { id: number; result?: unknown; error?: string }) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
  }

  /** Rejects with what the handler threw. */
  invoke<Result>(name: FunctionName, event: unknown): Promise<Result> {
    if (this.#options.faults.holds('disable', { service: 'lambda', function: name })) {
      return Promise.reject(new Error(`the function ${name} is disabled`));
    }
    const id = ++this.#invocations;
    const context = {
      functionName: name,
      awsRequestId: this.#options.newId(),
      memoryLimitInMB: '512',
      invokedFunctionArn: name,
    };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#worker.postMessage({ id, file: functionFiles.get(name), event, context });
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
    this.#fail(new Error('the functions were stopped'));
    await new Promise((resolve) => this.#log.end(resolve));
  }

  #settle({ id, result, error }: { id: number; result?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
