import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { replayLines } from '../../../cli/commands/replay.ts';
import { type Run, runSeed } from '../region/run.ts';
import { soak } from '../region/soak.ts';

const program = fileURLToPath(new URL('../soak.ts', import.meta.url));

async function soaked(run: (seed: number) => Promise<Run>, seeds: number) {
  const folder = mkdtempSync(join(tmpdir(), 'muster-soak-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const said: string[] = [];
  let time = 0;
  const now = () => (time += 700);
  const well = await soak({ first: 7, seeds, run, folder, now, say: (line) => said.push(line) });
  return { well, said, folder };
}

it('goes on while nothing is wrong, and says how far it is every two seconds', async () => {
  const run = await runSeed(7);
  const { well, said } = await soaked(async () => run, 7);
  expect(well).toBe(true);
  expect(said).toEqual(['3 of 7 runs, all well', '6 of 7 runs, all well', '7 runs from seed 7: every invariant held.']);
});

it('stops at the first broken invariant and leaves a timeline that muster replay reads', async () => {
  const seen: number[] = [];
  const { well, said, folder } = await soaked(async (seed) => {
    seen.push(seed);
    const run = await runSeed(seed, { deaths: [], spells: [] });
    return seed === 8 ? { ...run, broken: ['13 bijection'] } : run;
  }, 5);
  expect({ well, seen }).toEqual({ well: false, seen: [7, 8] });
  expect(said.join('\n')).toMatch(/Seed 8 broke:\n {2}13 bijection[\s\S]*--seeds 1 --seed 8/);
  const [summary = '{}'] = await replayLines(readFileSync(join(folder, 'soak-8.jsonl'), 'utf8').split('\n'));
  expect(JSON.parse(summary)).toMatchObject({ case: 'seed-8', instances: expect.any(Array) });
});

it('the same seed runs the same, line by line', async () => {
  const [one, other] = [await runSeed(11), await runSeed(11)];
  expect(one.timeline.length).toBeGreaterThan(50);
  expect(other.timeline).toEqual(one.timeline);
});

it('what a timeline replays to is what the pipeline came to, in state and management', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { timeline, watch } = await runSeed(seed, { deaths: [], overtaking: [], acts: 0 });
    const [summary = '{}'] = await replayLines(timeline);
    const replayed = new Map<string, { state: string; management: string }>(
      JSON.parse(summary).instances.map((one: { instanceId: string }) => [one.instanceId, one]),
    );
    for (const {
      instanceId,
      cloud: { state },
      management: { status: management },
    } of watch.instances.values()) {
      expect(replayed.get(instanceId), `seed ${seed}`).toMatchObject({ state, management });
    }
  }
});

it.each([
  ['two seeds that are well', ['--seeds', '2', '--seed', '3'], 0],
  ['no number of seeds', [], 2],
  ['a seed that is none', ['--seeds', '1', '--seed', 'x'], 2],
  ['an option that is none', ['--sedes', '1'], 2],
])('as a command, %s', (_what, args, code) => {
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  expect(status).toBe(code);
  expect(stderr).toContain(code === 2 ? 'npm run soak -- --seeds N' : '');
});
