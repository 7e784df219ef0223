import { seconds } from '#shared/domain/time.ts';
import { request } from '#test/simulation/region/fleet.ts';
import { Pipeline } from '#test/simulation/region/pipeline.ts';
import { accounts, plainImage } from '#test/simulation/region/places.ts';
import type { Origin } from './life-cycle.ts';

const place = { account: accounts.hub, region: 'us-east-1' };

/** DescribeInstances calls per life, sweeps aside: a hundred instances at once, or as many launches as EC2 takes at once. */
export async function describesPerLife(origin: Origin): Promise<number> {
  const pipeline = new Pipeline({ seed: 1 });
  const { clock, functions, ec2, ports } = pipeline;
  const outside = ports.ec2;
  let calls = 0;
  ports.ec2 = {
    ...outside,
    describe: (...asked) => {
      calls += 1;
      return outside.describe(...asked);
    },
  };
  const lives = origin === 'launched' ? 5 : 100;
  if (origin === 'adopted') {
    const input = { ImageId: plainImage, InstanceType: 't4g.nano' as const, MinCount: lives, MaxCount: lives };
    ec2.runInstances(place, input);
  }
  for (let nth = 0; origin === 'launched' && nth < lives; nth++) {
    const wanted = { name: `web-${nth}`, ...place, request };
    const { id } = await functions.operate<{ id: string }>('POST', '/v1/servers', wanted);
    await functions.operate('POST', `/v1/servers/${id}/launch`);
  }
  await clock.advanceBy(seconds(50));
  const InstanceIds = ec2.truth().map(({ instanceId }) => instanceId);
  for (const change of ['stopInstances', 'startInstances', 'terminateInstances'] as const) {
    ec2[change](place, { InstanceIds });
    await clock.advanceBy(seconds(60));
  }
  return calls / lives;
}
