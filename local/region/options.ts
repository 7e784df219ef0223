import { parseArgs } from 'node:util';
import { disabled, type Fault } from '../faults.ts';
import { isFunctionName } from '../topology.ts';
import type { DemonstrationOptions } from './demonstration.ts';
import { StartError } from './start-error.ts';

export const usage = `npm start                   all of Muster on this machine, with a fleet that does things
npm start -- --once         play the demonstration to its end; exit 0 if all ended as it should
npm start -- --once --json  the same as JSON on standard output
npm start -- --data DIR     keep everything in DIR; the demonstration is played once, then all goes on from what DIR holds
npm start -- --patience S   wait at most S seconds for anything in the demonstration
PORT=4001 npm start         another port than 4000`;

/** What `npm start` was told. */
export interface Options extends DemonstrationOptions {
  data: string | undefined;
  /** The functions that `--disable` names cannot be invoked: the demonstration then shows what they are for. */
  faults: readonly Fault[];
  port: number;
}

/** Reads the command line and PORT. Throws StartError for what makes no sense, and Node's own TypeError for an unknown option. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      data: { type: 'string' },
      disable: { type: 'string', multiple: true, default: [] },
      patience: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const unknown = values.disable.find((name) => !isFunctionName(name));
  if (unknown !== undefined) throw new StartError(`There is no function ${unknown}.`);
  return {
    once: values.once,
    json: values.json,
    data: values.data,
    faults: values.disable.filter(isFunctionName).map(disabled),
    patienceSeconds: readPatience(values.patience),
    port: readPort(4000),
  };
}

/** PORT, or the usual one. Throws StartError for what is no port. */
export function readPort(usual: number): number {
  const port = Number(process.env.PORT ?? usual);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new StartError(`PORT=${process.env.PORT} is no port.`);
  return port;
}

/** Seconds that `--patience` names. Throws StartError for what is no sensible number of them. */
export function readPatience(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!(seconds >= 1 && seconds <= 3600))
    throw new StartError(`--patience ${text} is no number of seconds from 1 to 3600.`);
  return seconds;
}
