import type { DescribeInstancesRequest } from '@aws-sdk/client-ec2';
import type { Instant } from '#shared/domain/time.ts';
import { Ec2Error, LostAnswer } from './ec2-error.ts';
import { type CallFault, type Faults, type Operation, takeCallFault } from './faults.ts';
import type { Place } from './simulated-instance.ts';
import { Throttle } from './throttle.ts';

/** What the gate looks at of any request. */
export type GatedInput = Pick<DescribeInstancesRequest, 'DryRun' | 'Filters' | 'MaxResults'>;

/** What comes before and after the effect of every call: throttling, faults, dry runs. */
export class Gate {
  private readonly faults: Faults;
  private readonly throttle = new Throttle();

  constructor(faults: Faults) {
    this.faults = faults;
  }

  /** Runs the call with the fault that it has to act on itself, if any. Throws Ec2Error or LostAnswer. */
  pass<T>(place: Place, operation: Operation, input: GatedInput, now: Instant, run: (fault?: CallFault) => T): T {
    const isBareDescribe = operation === 'DescribeInstances' && !input.Filters?.length && !input.MaxResults;
    this.throttle.takeRequest(place, operation, now, isBareDescribe);
    const fault = takeCallFault(this.faults, place, operation);
    if (fault?.kind === 'throttle') throw new Ec2Error('RequestLimitExceeded', 'Request limit exceeded.');
    if (fault?.kind === 'error') throw new Ec2Error(fault.code, `${operation} failed as it was told to.`);
    if (input.DryRun) {
      throw new Ec2Error('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
    }
    const answer = run(fault);
    if (fault?.kind === 'lose-answer') throw new LostAnswer(`The answer to ${operation} was lost.`);
    return answer;
  }

  /** One token per instance besides. Throws RequestLimitExceeded. */
  takeResources(place: Place, operation: Operation, count: number, now: Instant): void {
    this.throttle.takeResources(place, operation, count, now);
  }
}
