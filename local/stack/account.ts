/** An IAM user's or an account root's key. */
export interface Person {
  accessKeyId: string;
  secretAccessKey: string;
}

/** How an SDK client reaches the emulator as somebody. */
export interface ClientOptions {
  endpoint: string;
  region: string;
  credentials: Person;
}

/** The outputs of the deployed stack, by name. */
export type Outputs = Readonly<Record<string, string>>;
