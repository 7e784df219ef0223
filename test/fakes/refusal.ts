import { type Facts, Problem, type ProblemCode } from '#shared/domain/problems.ts';

/** The code and facts with which something was refused; anything else thrown, or nothing, fails the test. */
export async function refusalOf(attempt: Promise<unknown>): Promise<{ code: ProblemCode; facts: Facts }> {
  const problem = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (problem instanceof Problem) return { code: problem.code, facts: problem.facts };
  throw problem ?? new Error('nothing was refused');
}
