/** The signature algorithm of everything that an agent signs (RFC 8037). */
export const signatureAlgorithm = 'EdDSA';

/** `typ` of a request token and of a rotation token. */
export const agentTokenType = 'muster-agent+jwt';

export interface AgentTokenHeader {
  alg: typeof signatureAlgorithm;
  typ: typeof agentTokenType;
  /** The agent's id: its key's thumbprint. */
  kid: string;
}

/** The token of one request after enrollment, in `Authorization: Bearer`. */
export interface AgentTokenClaims {
  /** The method, in upper case. */
  htm: string;
  /** The URL. */
  htu: string;
  /** Seconds since 1970. */
  iat: number;
  /** The sequence number: higher in every request of one agent, at most `maxSeq`. */
  seq: number;
  /** SHA-256 of the body's bytes, in base64url. */
  bsh: string;
}

/** The old key's token for its replacement: for one new key and one enrollment request. */
export interface RotationClaims {
  htm: string;
  htu: string;
  /** Seconds since 1970. */
  iat: number;
  /** The `jti` of the enrollment request that carries this token. */
  jti: string;
  /** The thumbprint of the new key. */
  jkt: string;
}

export const maxTokenCharacters = 4096;

/** Agents count from one, by one: no agent reaches this number. */
export const maxSeq = 2 ** 52;

/** The clocks of agent and Muster may differ by this much: a request that was signed earlier or later is refused. */
export const clockSkewSeconds = 300;
