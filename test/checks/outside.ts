/** Finds citations of documents outside of this repository: a reader who has only the repository cannot follow them. */
import { spawnSync } from 'node:child_process';

const outside = String.raw`\.\./shared/(research|DESIGN|CONTRACTS)|\bresearch/[a-z-]+\.md|\b(DESIGN|CONTRACTS)( [0-9§]|\.md| section|, section)`;
const { stdout } = spawnSync('git', ['grep', '-nIE', outside, '--', '.', ':!package-lock.json', ':!test/checks'], {
  encoding: 'utf8',
});
console.log(stdout);
process.exitCode = stdout === '' ? 0 : 1;
