import { expect } from 'vitest';
import type { EnrollPorts } from '#shared/app/enrollment/enroll-instance.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import type { InstanceFacts } from '#shared/domain/instance/facts.ts';
import type { ProblemCode } from '#shared/domain/problems.ts';
import { enrollmentSetup, instanceId } from '#test/app/enrollment/enrollment-setup.ts';
import { factsOf } from '#test/build/records.ts';
import type { Asking } from '#test/fakes/identity.ts';
import { attack } from './attack.ts';

interface Attempt {
  /** What is on record; without, one running instance. */
  records?: readonly RecordChange[] | undefined;
  /** What EC2 said of it. */
  facts?: Partial<InstanceFacts>;
  asking?: Partial<Asking>;
  ports?: Partial<EnrollPorts>;
}

interface Refused {
  code?: ProblemCode;
  /** What the agent is told; without, a reference and nothing else. */
  facts?: object;
  /** What the log is told, where the agent is not. */
  reason?: ProblemCode;
}

/** An attack by an enrollment: refused as the table says, and nothing is bound by it. */
export function enrollmentAttack(number: number, form: string, attempt: Attempt, refused: Refused = {}): void {
  const { facts = { reference: 'ref_1' }, reason, ...code } = refused;
  const perform = async () => {
    const setup = await enrollmentSetup(attempt.records);
    if (attempt.facts) await setup.store.putFacts(factsOf(instanceId, attempt.facts));
    const enrolling = setup.enroll(attempt.asking, attempt.ports);
    await enrolling.catch(() => {});
    expect(setup.written.filter(({ kind }) => kind !== 'instance')).toEqual([]);
    for (const { before, after } of setup.written) expect(agentIn(after)).toEqual(agentIn(before));
    if (reason) expect(setup.decided).toMatchObject([{ decision: 'refused', code: reason }]);
    return enrolling;
  };
  attack(number, form, perform, { ...code, facts });
}

const agentIn = (record: object | undefined): unknown => (record && 'agent' in record ? record.agent : undefined);
