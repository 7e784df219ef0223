import type { ProofKind } from './enrollment.ts';

/** Where and how an agent enrolls. A launch writes it into the instance's user data; an operator gives it as a file. */
export interface Settings {
  /** The base URL of the Muster deployment. */
  url: string;
  grant?: GrantSecret;
  /** What the enrollment shows: the identity document, or with `sts` a signature by the instance's own role as well. */
  proof?: Exclude<ProofKind, 'iid-rsa'>;
}

/** A grant with the secret that signs for it. */
interface GrantSecret {
  id: string;
  /** 32 bytes in base64url. */
  seed: string;
}

/** The user data of an instance that Muster launches, as JSON. */
export interface UserData {
  muster: Settings;
}
