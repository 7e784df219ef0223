import { describe, expect, it, type TestContext } from 'vitest';
import { type FunctionName, functionFiles } from '#local/function-host.ts';
import { chapters } from '#local/scenario/chapters.ts';
import type { Verdict } from '#local/scenario/play.ts';
import { freePort, ownFolder, startMuster } from './muster-process.ts';

/** What nobody would miss need not be there: without the function, this row of the demonstration ends wrong. */
const missedBy: Record<FunctionName, string> = {
  onInstanceChanged: 'launched past Muster from a plain image',
  verify: 'found although one zone of its Region is down',
  tick: 'launched past Muster from a plain image',
  sweep: 'events lost, found by the sweep',
  sweepRegion: 'events lost, found by the sweep',
  enroll: 'launched, enrolled after the event',
  checkin: 'launched, enrolled after the event',
  launch: 'launched, enrolled after the event',
  operatorApi: 'enrolled with an enrollment key',
  onRecordChanged: 'launched past Muster from a plain image',
};
const timeout = 240_000;

/** Two at a time: each keeps a core busy. */
const lanes = [Promise.resolve(), Promise.resolve()];
async function inLane<T>(run: () => Promise<T>): Promise<T> {
  const [lane] = lanes.splice(0, 1);
  const result = (lane ?? Promise.resolve()).then(run);
  lanes.push(
    result.then(
      () => undefined,
      () => undefined,
    ),
  );
  return result;
}

async function playOnce(
  args: readonly string[],
  test: TestContext,
): Promise<{ code: number | null; verdict: Verdict; stderr: string }> {
  const process = startMuster(['--once', '--json', ...args], {
    folder: ownFolder('scenario', test),
    port: await freePort(),
  });
  const code = await process.exited;
  return { code, verdict: JSON.parse(process.stdout()), stderr: process.stderr() };
}

describe.concurrent('npm start -- --once', () => {
  it('ends every chapter as it should, exits 0 and says so as JSON alone', { timeout }, async (test) => {
    const { code, verdict, stderr } = await inLane(() => playOnce([], test));
    expect(verdict.scenario.filter(({ ok }) => !ok)).toEqual([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^ready http:\/\/127\.0\.0\.1:\d+$/m) });
    expect(verdict.scenario.map(({ name }) => name)).toEqual(chapters.map(({ name }) => name));
    expect(Object.keys(verdict)).toEqual(['scenario', 'instances', 'servers']);
    expect(verdict.instances).toHaveLength(chapters.filter(({ otherwise }) => otherwise !== 'no record').length);
  });

  it.for(Object.keys(functionFiles) as FunctionName[])(
    'without the function %s it exits 1, and the row that needs it says what came instead',
    { timeout },
    async (name, test) => {
      const { code, verdict } = await inLane(() => playOnce(['--disable', name, '--patience', '15'], test));
      const row = verdict.scenario.find((one) => one.name === missedBy[name]);
      expect(row).toMatchObject({ ok: false });
      expect(row?.ended).not.toBe(row?.expected);
      expect(code).toBe(1);
    },
  );
});
