/** Why something local cannot start, in one sentence for a person. The process that meets it exits with `exitCode`. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly exitCode = 2;
}
