import type { AgentDescription } from '#protocol/enrollment.ts';
import type { Settings } from '#protocol/settings.ts';
import type { StateFolder } from './state/state-folder.ts';

/** Everything that the agent uses from outside: network, time, randomness, disk and operating system. */
export interface AgentPorts {
  /** Sends a request, to Muster and to the metadata service. */
  fetch: typeof fetch;
  /** The base URL of the instance metadata service, without a slash at its end. */
  metadataEndpoint: string;
  /** The agent's key and state between two runs. */
  state: StateFolder;
  /** The deployment to enroll with and the grant to show. They replace the settings in the instance's user data. */
  settings?: Settings | undefined;
  /** Facts about the machine, for enrollment and check-in. */
  describe: () => AgentDescription;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Resolves after this many seconds, or earlier when the agent has to stop or to rotate its key. */
  wait: (seconds: number) => Promise<void>;
  /** Aborts a request that takes longer than this. */
  timeout: (seconds: number) => AbortSignal;
  /** A number in [0, 1), for the jitter of waiting times. */
  random: () => number;
  /** Unpredictable bytes, for keys and links. */
  randomBytes: (count: number) => Uint8Array;
  /** A new UUID, for the id of an enrollment request. */
  newId: () => string;
  stopped: () => boolean;
  /** True once after each request of an operator to rotate the key. */
  rotationAsked: () => boolean;
  /** Writes one log line. */
  say: (line: string) => void;
}
