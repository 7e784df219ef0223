import { spawnSync } from 'node:child_process';

/** `npm run check`: every check that needs no test to run; all are run, so that one look shows all that is wrong. */
const checks: Record<string, string[]> = {
  'format and lint': ['biome', 'check', '--error-on-warnings', '.'],
  types: ['tsc', '--noEmit', '-p', '.'],
  'dependency rule': [
    'depcruise',
    '--config',
    '.dependency-cruiser.cjs',
    'functions',
    'shared',
    'protocol',
    'agent',
    'cli',
    'local',
    'bench',
  ],
  'dead code': ['knip', '--no-progress'],
  'no copies': ['node', 'test/checks/copies.ts'],
  'no citation of other repositories': ['node', 'test/checks/outside.ts'],
};

const failed = Object.entries(checks).filter(([name, [command = '', ...args]]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  console.log(`${status === 0 ? '✓' : '✗'} ${name}`);
  if (status !== 0) console.log(stdout + stderr);
  return status !== 0;
});
process.exitCode = failed.length === 0 ? 0 : 1;
