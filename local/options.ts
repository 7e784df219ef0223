import { parseArgs } from 'node:util';
import { StartError } from './dynamodb-local.ts';
import { type FunctionName, isFunctionName } from './function-host.ts';

export const usage = `npm start                   all of Muster on this machine, with a fleet that does things
npm start -- --once         play the demonstration to its end; exit 0 if all ended as it should
npm start -- --once --json  the same as JSON on standard output
npm start -- --data DIR     keep everything in DIR; the demonstration is played once, then all goes on from what DIR holds
npm start -- --patience S   wait at most S seconds for anything in the demonstration
PORT=4001 npm start         another port than 4000`;

/** What `npm start` was told. */
export interface Options {
  once: boolean;
  json: boolean;
  data: string | undefined;
  disabled: ReadonlySet<FunctionName>;
  patienceSeconds: number | undefined;
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
  const port = Number(process.env.PORT ?? 4000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new StartError(`PORT=${process.env.PORT} is no port.`);
  const patienceSeconds = values.patience === undefined ? undefined : Number(values.patience);
  if (patienceSeconds !== undefined && !(patienceSeconds >= 1 && patienceSeconds <= 3600))
    throw new StartError(`--patience ${values.patience} is no number of seconds from 1 to 3600.`);
  return {
    once: values.once,
    json: values.json,
    data: values.data,
    disabled: new Set(values.disable.filter(isFunctionName)),
    patienceSeconds,
    port,
  };
}
