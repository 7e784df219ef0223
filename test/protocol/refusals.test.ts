import { describe, expect, it } from 'vitest';
import * as protocol from '#protocol/refusals.ts';
import { mayBeRetried, type ProblemCode, problems } from '#shared/domain/problems.ts';

const codes = Object.keys(problems) as ProblemCode[];

describe('what an agent does after a refusal', () => {
  it.each(codes)('agrees with the catalogue: %s', (code) => {
    expect(protocol.mayBeRetried(code)).toBe(mayBeRetried(code));
  });

  it('is final after a code that it does not know', () => {
    expect(protocol.mayBeRetried('of_a_later_muster')).toBe(false);
  });

  it('is an enrollment after two codes, with a new key or with the same, and no retry of the check-in', () => {
    const ending = codes.filter((code) => protocol.endsEnrollment(code) || protocol.losesEnrollment(code));
    expect(ending).toEqual(['key_denied', 'agent_unknown']);
    expect(ending.filter(protocol.mayBeRetried)).toEqual([]);
  });
});
