/** Everything that the agent needs of its surroundings. */
export interface AgentOptions {
  /** Where the agent keeps its key and what it knows. */
  folder: string;
  metadataEndpoint: string;
  /** Where to enroll, and the grant to show; overrides the instance's user data. */
  settings?: Settings | undefined;
  describe: () => AgentDescription;
  newId: () => string;
  /** Sixteen random bytes in base64url. */
  newLink: () => string;
  /** In [0, 1). */
  random: () => number;
  now: () => number;
  fetch: typeof fetch;
  /** Resolves after so many seconds, or at once when the agent is told something. */
  wait: (seconds: number) => Promise<void>;
  stopped: () => boolean;
  /** Whether somebody has asked for a new key since this was last asked. */
  rotationAsked: () => boolean;
  say: (line: string) => void;
}

export interface Settings {
  url: string;
  grant?: { id: string; seed: string };
  /** What the enrollment shows: the identity document, or with `sts` a signature by the instance's own role as well. */
  proof?: 'iid-rsa2048' | 'sts';
}

export interface AgentDescription {
  version: string;
  os: string;
  osVersion: string;
  arch: string;
  hostname: string;
  bootId: string;
}
