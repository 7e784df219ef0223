/**
 * `npm run fuzz -- --mutations N [--seed S]`: N changes of genuine and of test-made proofs, each put to verifyDocument. Ends with
 * exit code 1 at a proof that is accepted and should not be, or that ends in anything but a Problem; 2: usage.
 */
import { parseArgs } from 'node:util';
import { random } from '#local/random.ts';
import { authority } from '../object-parts.ts';
import { judge, proofs } from './judge.ts';
import { mutateProof } from './mutate-proof.ts';

const usage = 'npm run fuzz -- --mutations N [--seed S]';
const slowMs = 1000;

function readOptions(): { mutations: number; seed: number } | undefined {
  try {
    const { values } = parseArgs({ options: { mutations: { type: 'string' }, seed: { type: 'string' } } });
    const seed = values.seed ?? String(Date.now() % 2 ** 31);
    const [mutations, first] = [values.mutations, seed].map((text) =>
      /^\d{1,10}$/.test(text ?? '') ? Number(text) : NaN,
    );
    return mutations && first !== undefined && !Number.isNaN(first) ? { mutations, seed: first } : undefined;
  } catch {
    return undefined;
  }
}

/** True if nothing was accepted that should not be. */
function fuzz({ mutations, seed }: { mutations: number; seed: number }): boolean {
  console.log(`seed ${seed}, ${mutations} mutations of ${proofs.length} proofs`);
  const numbers = random(seed);
  const outcomes = new Map<string, number>();
  const began = performance.now();
  let last = began;
  for (let nth = 0; nth < mutations; nth++) {
    const proof = mutateProof(proofs[nth % proofs.length]!, numbers);
    const verdict = judge(proof);
    const now = performance.now();
    const slow = now - last > slowMs;
    last = now;
    const outcome = verdict.verdict === 'refused' ? verdict.code : verdict.verdict;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (slow || 'why' in verdict) {
      console.log(
        `mutation ${nth} of seed ${seed}: ${'why' in verdict ? `${verdict.verdict}, ${verdict.why}` : 'too slow'}`,
      );
      console.log(JSON.stringify({ proof, anchors: authority.anchors }));
      return false;
    }
  }
  const seconds = (performance.now() - began) / 1000;
  const counts = [...outcomes].sort(([, one], [, other]) => other - one);
  for (const [outcome, count] of counts) console.log(`${String(count).padStart(10)} ${outcome}`);
  console.log(`no false accept, ${Math.round(mutations / seconds)} mutations per second, seed ${seed}`);
  return true;
}

const options = readOptions();
if (options) {
  Error.stackTraceLimit = 0; // most mutations are refused: a stack for each would be half of the time
  process.exitCode = fuzz(options) ? 0 : 1;
} else {
  console.error(usage);
  process.exitCode = 2;
}
