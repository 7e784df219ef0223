import type { DescribeInstancesRequest } from '@aws-sdk/client-ec2';
import type { Instant } from '#shared/domain/time.ts';
import type { FaultOf, Faults } from '../../faults.ts';
import { Ec2Error, LostAnswer } from './ec2-error.ts';
import type { Operation } from './operations.ts';
import type { Place } from './simulated-instance.ts';
import { Throttle } from './throttle.ts';

/** The members of any request that the gate reads. */
export type GatedInput = Pick<DescribeInstancesRequest, 'DryRun' | 'Filters' | 'MaxResults'>;

/** Faults that a call carries out itself, in its answer. */
export type AnswerFault = FaultOf<'empty' | 'repeat-page'>;

const ofEveryCall = ['throttle', 'refuse', 'lose-answer'] as const;
const ofListings = [...ofEveryCall, 'empty', 'repeat-page'] as const;

/** What comes before and after the effect of every call: throttling, faults, dry runs. */
export class Gate {
  private readonly faults: Faults;
  private readonly throttle = new Throttle();

  constructor(faults: Faults) {
    this.faults = faults;
  }

  /** Runs the call, with the fault that it carries out itself, if any. Throws Ec2Error or LostAnswer. */
  pass<T>(place: Place, operation: Operation, input: GatedInput, now: Instant, run: (fault?: AnswerFault) => T): T {
    const isDescribe = operation === 'DescribeInstances';
    const isBareDescribe = isDescribe && !input.Filters?.length && !input.MaxResults;
    this.throttle.takeRequest(place, operation, now, isBareDescribe);
    const { account, region } = place;
    const kinds = isDescribe ? ofListings : ofEveryCall;
    const fault = this.faults.strike(kinds, { service: 'ec2', operation, account, region });
    if (fault?.what === 'throttle') throw new Ec2Error('RequestLimitExceeded', 'Request limit exceeded.');
    if (fault?.what === 'refuse')
      throw new Ec2Error(fault.code, `${operation} failed, as a fault of the simulation says.`);
    if (input.DryRun) {
      throw new Ec2Error('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
    }
    if (fault?.what === 'empty' || fault?.what === 'repeat-page') return run(fault);
    const answer = run();
    if (fault?.what === 'lose-answer') throw new LostAnswer(`The answer to ${operation} was lost.`);
    return answer;
  }

  /** One token per instance besides. Throws RequestLimitExceeded. */
  takeResources(place: Place, operation: Operation, count: number, now: Instant): void {
    this.throttle.takeResources(place, operation, count, now);
  }
}
