import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { playScenario, type Row, verdictTable } from '../scenario/play.ts';
import { type Engine, simulatedStage } from '../scenario/simulated-stage.ts';
import { StartError } from './start-error.ts';

/** What both `npm start` and `npm run stack` may be told about the demonstration. */
export interface DemonstrationOptions {
  /** End when it has ended. */
  once: boolean;
  /** The verdict as JSON on standard output; all else goes to standard error. */
  json: boolean;
  /** The longest wait for anything in it. */
  patienceSeconds: number | undefined;
}

type Say = (line: string) => void;

/** Where lines for a person go: standard output, unless that is for JSON. */
export const sayer = ({ json }: Pick<DemonstrationOptions, 'json'>): Say => (json ? console.error : console.log);

/** Plays the scenario and tells it line by line. With `once` it resolves with the exit code, else it never does; `look`: at what then. */
export async function demonstrate(
  engine: Engine,
  options: DemonstrationOptions,
  { say, look }: { say: Say; look: string },
): Promise<number> {
  const verdict = await play(engine, options.patienceSeconds, say);
  say(`\n${verdictTable(verdict)}`);
  if (options.json) console.log(JSON.stringify(verdict));
  if (options.once) return verdict.scenario.every(({ ok }) => ok) ? 0 : 1;
  say(`\nThe fleet stays: ${look}. Ctrl-C ends everything.`);
  return new Promise<never>(() => {});
}

function play(engine: Engine, patienceSeconds: number | undefined, say: Say) {
  const began = Date.now();
  const told = ({ name, ended, ok }: Row, key?: InstanceKey) => {
    const after = `${((Date.now() - began) / 1000).toFixed(0)} s`.padStart(5);
    say(`${after}  ${ok ? '✓' : '✗'} ${name}${key ? ` (${key.instanceId})` : ''}: ${ended}`);
  };
  return playScenario(simulatedStage(engine, patienceSeconds), told);
}

/** What is said, until a signal ends the process: what fails by that is nobody's news. */
export function untilTold(say: Say): { say: Say; told: Promise<number> } {
  let stopping = false;
  const told = signalled().then((code) => {
    say('Stopping …');
    stopping = true;
    return code;
  });
  return { say: (line) => stopping || say(line), told };
}

/** The exit code for the signal that ends the process: 128 and its number, as shells have it. */
function signalled(): Promise<number> {
  return new Promise((resolve) => {
    // Heard again while all is being put away, they change nothing
    process.on('SIGHUP', () => resolve(129));
    process.on('SIGINT', () => resolve(130));
    process.on('SIGTERM', () => resolve(143));
  });
}

/** Runs a program to its end and exits: 2 with a sentence for what cannot start, 1 with all that is known of a fault. */
export async function exitWith(run: () => Promise<number>, usage: string): Promise<never> {
  try {
    process.exit(await run());
  } catch (error) {
    if (error instanceof StartError) {
      console.error(error.message);
      process.exit(error.exitCode);
    }
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
      console.error(`${error.message}\n\n${usage}`);
      process.exit(2);
    }
    console.error(error);
    process.exit(1);
  }
}
