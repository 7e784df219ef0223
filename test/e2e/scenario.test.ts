import { describe, expect, it, type TestContext } from 'vitest';
import { disabled } from '#local/faults.ts';
import { startLocalRegion } from '#local/region/local-region.ts';
import { chapters } from '#local/scenario/chapters.ts';
import { playScenario, type Row, type Verdict } from '#local/scenario/play.ts';
import { simulatedStage } from '#local/scenario/simulated-stage.ts';
import { type FunctionName, functionNames as names } from '#local/topology.ts';
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
  operatorApi: 'launched past Muster from a plain image',
  operatorChange: 'enrolled with an enrollment key',
  operatorEc2: 'terminated by an operator',
  onRecordChanged: 'launched past Muster from a plain image',
};
const timeout = 600_000;

async function playOnce(
  args: readonly string[],
  test: TestContext,
): Promise<{ code: number | null; verdict: Verdict; stderr: string }> {
  const process = startMuster(['--once', '--json', ...args], {
    folder: ownFolder('scenario', test),
    port: await freePort(),
  });
  const code = await process.exited;
  const [stdout, stderr] = [process.stdout(), process.stderr()];
  if (stdout === '') throw new Error(`it ended with ${code}: ${stderr}`);
  return { code, verdict: JSON.parse(stdout), stderr };
}

const rowMissed = ({ scenario }: Verdict, name: FunctionName): Row | undefined =>
  scenario.find((row) => row.name === missedBy[name]);

describe('npm start -- --once', () => {
  it('ends every chapter as it should, exits 0 and says so as JSON alone', { timeout }, async (test) => {
    const { code, verdict, stderr } = await playOnce([], test);
    expect(verdict.scenario.filter(({ ok }) => !ok)).toEqual([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^ready http:\/\/127\.0\.0\.1:\d+$/m) });
    expect(verdict.scenario.map(({ name }) => name)).toEqual(chapters.map(({ name }) => name));
    expect(Object.keys(verdict)).toEqual(['scenario', 'instances', 'servers']);
    expect(verdict.instances).toHaveLength(chapters.filter(({ otherwise }) => otherwise !== 'no record').length);
  });

  it('with a function disabled exits 1, and the row that needs it says what came instead', {
    timeout,
  }, async (test) => {
    const { code, verdict } = await playOnce(['--disable', 'onRecordChanged', '--patience', '15'], test);
    expect(rowMissed(verdict, 'onRecordChanged')).toMatchObject({ ok: false });
    expect(code).toBe(1);
  });
});

describe.concurrent('the demonstration', () => {
  it.for(names)(
    'needs the function %s: a row does not end as it should without it',
    { timeout },
    async (name, test) => {
      const folder = ownFolder('scenario', test);
      const region = await startLocalRegion({
        port: await freePort(),
        folder,
        inMemory: true,
        faults: [disabled(name)],
        page: () => '',
      });
      test.onTestFinished(() => region.close());
      const needing = chapters.filter((chapter) => chapter.name === missedBy[name]);
      const row = rowMissed(await playScenario(simulatedStage(region, 15), () => {}, needing), name);
      expect(row).toMatchObject({ ok: false });
      expect(row?.ended).not.toBe(row?.expected);
    },
  );
});
