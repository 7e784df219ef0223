/** What a running `npm start` leaves in `.muster/local.json`: the process that owns the local region, and its functions' environment. */
export interface LocalRegion {
  pid: number;
  env: Record<string, string>;
}

export type InvocationTarget = { kind: 'local'; env: Record<string, string> } | { kind: 'aws' } | { kind: 'none' };

/** A local region needs no account, but the SDK signs all the same and must not go looking for instance metadata. */
const localDefaults = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** Reads the text of `.muster/local.json`; undefined if there is none or it is not what a local region writes. */
export function parseLocalRegion(text: string | undefined): LocalRegion | undefined {
  if (text === undefined) return undefined;
  try {
    const { pid, env } = JSON.parse(text) as Partial<LocalRegion>;
    if (!Number.isInteger(pid) || typeof env !== 'object' || env === null) return undefined;
    return { pid: Number(pid), env };
  } catch {
    return undefined;
  }
}

/**
 * Where a locally invoked function goes: to the local region while its process lives, else to AWS if the caller named a
 * profile or a key, else nowhere. Credentials that merely lie around (an instance role) never count as consent.
 */
export function invocationTarget(
  region: LocalRegion | undefined,
  isAlive: (pid: number) => boolean,
  profileOption: string | undefined,
  env: Record<string, string | undefined>,
): InvocationTarget {
  if (region !== undefined && isAlive(region.pid)) return { kind: 'local', env: { ...localDefaults, ...region.env } };
  if (profileOption || env.AWS_PROFILE || env.AWS_ACCESS_KEY_ID) return { kind: 'aws' };
  return { kind: 'none' };
}
