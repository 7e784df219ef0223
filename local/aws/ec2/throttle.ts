import type { Instant } from '#shared/domain/time.ts';
import { Ec2Error } from './ec2-error.ts';
import type { Operation } from './operations.ts';
import type { Place } from './simulated-instance.ts';

interface Limit {
  burst: number;
  perSecond: number;
}

/** Per account, region and API: ec2/latest/devguide/ec2-api-throttling.html */
const requestLimits: Record<Operation, Limit> = {
  DescribeInstances: { burst: 100, perSecond: 20 },
  RunInstances: { burst: 5, perSecond: 2 },
  StartInstances: { burst: 5, perSecond: 2 },
  StopInstances: { burst: 50, perSecond: 5 },
  RebootInstances: { burst: 50, perSecond: 5 },
  TerminateInstances: { burst: 100, perSecond: 5 },
  CreateTags: { burst: 100, perSecond: 10 },
};

/** A describe that neither filters nor pages has a smaller bucket of its own. Naming ids is neither. */
const bareDescribeLimit: Limit = { burst: 50, perSecond: 10 };

/** One token per instance, besides the one per request. */
const resourceLimits: Partial<Record<Operation, Limit>> = {
  RunInstances: { burst: 1000, perSecond: 2 },
  StartInstances: { burst: 1000, perSecond: 2 },
  StopInstances: { burst: 1000, perSecond: 20 },
  TerminateInstances: { burst: 1000, perSecond: 20 },
};

/** EC2's token buckets. They start full, also after a restart: no snapshot keeps them. */
export class Throttle {
  private readonly levels = new Map<string, { tokens: number; at: Instant }>();

  /** Throws RequestLimitExceeded when the API's request bucket is empty. */
  takeRequest(place: Place, operation: Operation, now: Instant, bareDescribe = false): void {
    const limit = bareDescribe ? bareDescribeLimit : requestLimits[operation];
    this.take(`${place.account}/${place.region}/${operation}/${bareDescribe ? 'bare' : 'request'}`, limit, 1, now);
  }

  /** Throws RequestLimitExceeded when the API's resource bucket holds fewer than `count` tokens. */
  takeResources(place: Place, operation: Operation, count: number, now: Instant): void {
    const limit = resourceLimits[operation];
    if (limit) this.take(`${place.account}/${place.region}/${operation}/resources`, limit, count, now);
  }

  private take(bucket: string, { burst, perSecond }: Limit, count: number, now: Instant): void {
    const last = this.levels.get(bucket) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, last.tokens + ((now - last.at) / 1000) * perSecond);
    const enough = tokens >= count;
    this.levels.set(bucket, { tokens: enough ? tokens - count : tokens, at: now });
    if (!enough) throw new Ec2Error('RequestLimitExceeded', 'Request limit exceeded.');
  }
}
