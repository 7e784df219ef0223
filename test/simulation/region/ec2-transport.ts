import type { DescribeInstancesRequest, EC2ClientConfig, Instance as Ec2Instance } from '@aws-sdk/client-ec2';
import type { Ec2Region } from '#local/aws/ec2/region.ts';
import { answerCall } from '#local/aws/ec2/server.ts';
import type { Place } from '#local/aws/ec2/simulated-instance.ts';
import { type Ec2, openEc2 } from '#shared/adapters/aws/ec2.ts';
import { launchIdOfToken } from '#shared/domain/launch/launch.ts';
import type { Instant } from '#shared/domain/time.ts';
import { accounts } from './places.ts';

/** All that EC2 said in answer to one question of Muster's. `complete`: it lists a whole account and Region. */
export interface Answer {
  account: string;
  region: string;
  sentAt: Instant;
  complete: boolean;
  instances: readonly Ec2Instance[];
}

/** Is told what goes to EC2 and what comes back. */
export interface Ec2Observer {
  /** Called once for each listing, when its last page is answered, and once for each RunInstances. */
  answered(answer: Answer): void;
  /** RunInstances of this launch has arrived at EC2. */
  sent(launchId: string): void;
}

/** EC2 may return fewer instances than `MaxResults`. Few enough that a few instances take more than one page. */
const mostPerPage = 5;

/** Muster's own EC2 adapter over a simulated region in this process: no network is used, and no time passes. */
export function openSimulatedEc2(region: Ec2Region, now: () => Instant, observer: Ec2Observer): Ec2 {
  const observed = observe(region, now, observer);
  const endpoint = { region: observed, defaultAccount: accounts.hub, newRequestId: () => 'request' };
  const settings: EC2ClientConfig = {
    credentials: credentialsOf(accounts.hub),
    // The SDK would wait for real time to pass. Muster's queues repeat the call.
    maxAttempts: 1,
    requestHandler: {
      async handle({ headers, body }: { headers: Record<string, string>; body: string }) {
        const { status, headers: answered, body: xml } = await answerCall(endpoint, headers.authorization, () => body);
        return { response: { statusCode: status, headers: answered, body: Buffer.from(xml) } };
      },
    } as unknown as NonNullable<EC2ClientConfig['requestHandler']>,
  };
  return openEc2(accounts.hub, now, async (account) => credentialsOf(account), settings);
}

/** The simulated EC2 takes the access key id for the account. */
const credentialsOf = (account: string) => ({
  ...{ accessKeyId: account, secretAccessKey: 'secret', sessionToken: 'token' },
  expiration: new Date(8.64e15),
});

/** The region with shorter pages, and with an observer who sees whole listings. */
function observe(region: Ec2Region, now: () => Instant, observer: Ec2Observer): Ec2Region {
  /** The pages before, by the token that leads to the next one. */
  const begun = new Map<string, { sentAt: Instant; instances: Ec2Instance[] }>();

  function describeInstances(place: Place, input: DescribeInstancesRequest) {
    const shorter = input.MaxResults === undefined ? {} : { MaxResults: Math.min(input.MaxResults, mostPerPage) };
    const page = region.describeInstances(place, { ...input, ...shorter });
    const listing = begun.get(input.NextToken ?? '') ?? { sentAt: now(), instances: [] };
    begun.delete(input.NextToken ?? '');
    const instances = [...listing.instances, ...(page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances)];
    if (page.NextToken !== undefined) begun.set(page.NextToken, { sentAt: listing.sentAt, instances });
    else
      observer.answered({
        ...{ account: place.account, region: place.region, sentAt: listing.sentAt, instances },
        complete: !input.InstanceIds && !input.Filters,
      });
    return page;
  }

  const runInstances: Ec2Region['runInstances'] = (place, input) => {
    const launchId = launchIdOfToken(input.ClientToken ?? '');
    if (launchId !== null) observer.sent(launchId);
    const sentAt = now();
    const reservation = region.runInstances(place, input);
    const { Instances: instances = [] } = reservation;
    observer.answered({ account: place.account, region: place.region, sentAt, complete: false, instances });
    return reservation;
  };

  return new Proxy(region, {
    get(target, name) {
      if (name === 'describeInstances') return describeInstances;
      if (name === 'runInstances') return runInstances;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
