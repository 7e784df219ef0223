import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { type DescribedState, transitionTime } from '#shared/domain/cloud/merge-describe.ts';
import { isAccount, isInstanceId, isRegion } from '#shared/domain/ids.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import { isEc2State } from '#shared/domain/instance/instance.ts';
import { Problem } from '#shared/domain/problems.ts';
import {
  type Case,
  newCase,
  type RecordedAct,
  type RecordedObservation,
  recordedActs,
  replay,
  summarize,
} from '#shared/domain/replay.ts';
import { type Instant, parseTime } from '#shared/domain/time.ts';
import { defaultTiming } from '#shared/domain/timing.ts';

/** `muster replay TIMELINE.jsonl`: recorded observations through the pure core; exit 2 and the line's number if one is bad. */
export function replayCommand(): Command {
  return new Command('replay')
    .description('feed a recorded timeline through the rules and print what the records would say')
    .argument('<timeline>', 'a JSON Lines file, or - for standard input')
    .exitOverride()
    .action(async (timeline: string) => {
      for (const line of await replayFile(timeline)) process.stdout.write(`${line}\n`);
    });
}

async function replayFile(path: string): Promise<string[]> {
  const input = path === '-' ? process.stdin : createReadStream(path);
  try {
    return await replayLines(createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }));
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new Problem('usage', `the timeline cannot be read: ${error.message}`, { timeline: path });
  }
}

/** One JSON line per case, in the order in which the cases first appear. Throws Problem `bad_line` with its number. */
export async function replayLines(lines: AsyncIterable<string> | Iterable<string>): Promise<string[]> {
  const cases = new Map<string, Case>();
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const recorded = readLine(line, number);
    const state = cases.get(recorded.case) ?? newCase(recorded.case);
    cases.set(recorded.case, state);
    replay(state, recorded, defaultTiming);
  }
  return [...cases.values()].map((state) => JSON.stringify(summarize(state)));
}

/** One line of a timeline. Throws Problem `bad_line` with its number. */
export function readLine(line: string, number: number): RecordedObservation {
  try {
    return readRecorded(JSON.parse(line));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Problem('bad_line', `line ${number}: ${why}`, { line: number });
  }
}

type Json = Record<string, unknown>;

function readRecorded(json: Json): RecordedObservation {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('not a JSON object');
  if (typeof json.case !== 'string') throw new Error('"case" is missing');
  const head = { case: json.case, receivedAt: readTime(json, 'receivedAt') };
  switch (json.observe) {
    case 'event':
      if (typeof json.event !== 'object' || json.event === null) throw new Error('"event" is missing');
      return { ...head, observe: 'event', event: json.event };
    case 'describe':
      return { ...head, observe: 'describe', ...readDescribe(json) };
    case 'enroll':
    case 'checkin':
      return { ...head, observe: json.observe, key: readKey(json) };
    case 'act':
      return { ...head, observe: 'act', ...readAct(json) };
    case 'time':
      return { ...head, observe: 'time' };
    default:
      throw new Error('"observe" is none of event, describe, enroll, checkin, act, time');
  }
}

function readTime(json: Json, field: string): Instant {
  const instant = parseTime(json[field]);
  if (instant === undefined) throw new Error(`"${field}" is no RFC 3339 time`);
  return instant;
}

function readPair(json: Json): { account: string; region: string } {
  const { account, region } = json;
  if (!isAccount(account)) throw new Error('"account" is not twelve digits');
  if (!isRegion(region)) throw new Error('"region" is none');
  return { account, region };
}

function readKey(json: Json): InstanceKey {
  if (!isInstanceId(json.instanceId)) throw new Error('"instanceId" is none');
  return { ...readPair(json), instanceId: json.instanceId };
}

function readAct(json: Json): { key: InstanceKey; act: RecordedAct } {
  const act = recordedActs.find((known) => known === json.act);
  if (!act) throw new Error(`"act" is none of ${recordedActs.join(', ')}`);
  if (typeof json.by !== 'string') throw new Error('"by" is missing');
  return { key: readKey(json), act };
}

function readDescribe(
  json: Json,
): Omit<Extract<RecordedObservation, { observe: 'describe' }>, 'case' | 'receivedAt' | 'observe'> {
  const pair = readPair(json);
  const sentAt = readTime(json, 'sentAt');
  if (typeof json.complete !== 'boolean') throw new Error('"complete" is neither true nor false');
  if (!Array.isArray(json.instances)) throw new Error('"instances" is no list');
  const read = json.instances.map((instance) => readSight(instance as Json, pair, sentAt));
  const sights = read.filter((one) => typeof one === 'object');
  const unreadableIds = read.filter((one) => typeof one === 'string');
  return { ...pair, sentAt, complete: json.complete, sights, unreadableIds };
}

/**
 * An instance as DescribeInstances returns it: InstanceId, State.Name, LaunchTime, StateTransitionReason, StateReason. Its id alone
 * where the rest cannot be read; undefined where the id cannot be read either.
 */
function readSight(
  json: Json | null,
  pair: { account: string; region: string },
  sentAt: Instant,
): DescribedState | string | undefined {
  if (!isInstanceId(json?.InstanceId)) return undefined;
  const state = (json.State as Json | undefined)?.Name;
  const launchTime = parseTime(json.LaunchTime);
  if (!isEc2State(state) || launchTime === undefined) return json.InstanceId;
  const reason = json.StateTransitionReason;
  const code = (json.StateReason as Json | undefined)?.Code;
  return {
    ...pair,
    instanceId: json.InstanceId,
    state,
    launchTime,
    transitionAt: transitionTime(typeof reason === 'string' ? reason : undefined),
    stateReason: typeof code === 'string' ? code : null,
    sentAt,
    source: 'describe',
  };
}
