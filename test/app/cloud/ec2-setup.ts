import { onTestFinished } from 'vitest';
import { openEc2 } from '#shared/adapters/aws/ec2.ts';
import { createMemoryUserData } from '#shared/adapters/memory/private.ts';
import { createMemoryStore } from '#shared/adapters/memory/store.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import type { RecordChange } from '#shared/app/records/registry.ts';
import { defaultTiming } from '#shared/domain/timing.ts';
import { KeepingOutbox } from '#test/fakes/outbox.ts';
import { here as place, startLab } from '#test/local/aws/ec2/lab.ts';

export { place };

/** The simulated EC2 behind its endpoint, asked through the adapter that asks EC2, beside a store in memory. */
export async function ec2Setup() {
  const lab = await startLab();
  pointSdkAt(lab.url);
  const written: RecordChange[] = [];
  const store = createMemoryStore({ timing: defaultTiming, onChange: (change) => written.push(change) });
  const verify = new KeepingOutbox<VerifyMessage>();
  const alarms: string[] = [];
  const failures: string[] = [];
  const now = () => lab.clock.now().getTime();
  const ports = {
    store,
    verify,
    ec2: openEc2(place.account, now),
    userData: createMemoryUserData(),
    isRegistered: (account: string) => account === place.account,
    alarm: (what: string) => alarms.push(what),
    failed: (message: VerifyMessage, error: unknown) => failures.push(`${message.instanceId}: ${String(error)}`),
    timing: defaultTiming,
  };
  return { ...lab, now, store, written, verify, alarms, failures, ports };
}

/** The SDK's own settings, for as long as a test runs; a failed request is the use case's affair, not the SDK's. */
function pointSdkAt(url: string): void {
  const settings = {
    AWS_ENDPOINT_URL_EC2: url,
    AWS_ACCESS_KEY_ID: place.account,
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_MAX_ATTEMPTS: '1',
  };
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  onTestFinished(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}
