/** Why something local cannot start, in one sentence for a person. The process that meets it exits with `exitCode`. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly exitCode = 2;
}

/** What a command says where its port is somebody else's. */
export const portTaken = (port: number, command: string): StartError =>
  new StartError(`Port ${port} is taken: stop what listens there, or choose another with PORT=${port + 1} ${command}.`);
