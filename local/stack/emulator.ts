import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { portTaken } from '../region/start-error.ts';
import { pythonWith } from './python.ts';
import { startTethered } from './tethered.ts';

const requirements = fileURLToPath(new URL('./emulator.txt', import.meta.url));

export interface EmulatorOptions {
  port: number;
  /** Where its state and its log are kept; what it holds is taken up again. */
  folder: string;
  /** Where Python environments are kept. */
  pythons: string;
  /** The account of the deployment, twelve digits: also the access key id of its root. */
  account: string;
  /** The secret access key of every root. */
  secret: string;
  /** What every function finds in its environment beside its own: where EC2 is. */
  functionEnv: Readonly<Record<string, string>>;
  say: (line: string) => void;
}

/** An AWS on this machine, with authentication on: what it knows no permission for is refused (guarded_emulator.py has its door). */
export interface Emulator {
  /** Resolves when it has ended without having been told to. */
  readonly ended: Promise<void>;
  /** For AWS_ENDPOINT_URL: by number, not by name, so that the SDK puts no bucket's name in front of it. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the emulator on 127.0.0.1. Throws StartError where Python is missing, or the port is taken. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { port, folder, pythons, say } = options;
  const python = await pythonWith({ requirements, folder: pythons, say });
  if (await isTaken(port)) throw portTaken(port, 'npm run stack');
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const url = `http://127.0.0.1:${port}`;
  const server = await startTethered({
    name: 'The emulator',
    python,
    args: ['guarded_emulator'],
    logFile: join(folder, 'emulator.log'),
    healthUrl: `${url}/_ministack/health`,
    env: {
      ...options.functionEnv,
      // Functions run on the first node of this path: the one that runs this
      PATH: [dirname(process.execPath), process.env.PATH].join(':'),
      TMPDIR: temporary,
      PYTHONDONTWRITEBYTECODE: '1',
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      IOT_MTLS_ENABLED: '0',
      AUTH: 'true',
      // Whose API answers an unsigned request
      MINISTACK_ACCOUNT_ID: options.account,
      AWS_ACCESS_KEY_ID: options.account,
      AWS_SECRET_ACCESS_KEY: options.secret,
      CLOUDTRAIL_RECORDING: '1',
      CLOUDTRAIL_MAX_EVENTS: '1000000',
      PERSIST_STATE: '1',
      STATE_DIR: join(folder, 'state'),
      S3_PERSIST: '1',
      S3_DATA_DIR: join(folder, 's3'),
    },
  });
  return { url, ...server };
}

async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
