import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { EC2Client } from '@aws-sdk/client-ec2';
import { formatTime } from '#shared/domain/time.ts';
import { newGrantKey } from '#shared/identity/grant.ts';
import { wholeSecond } from '../aws/ec2/lifecycle.ts';
import { presentOf } from '../aws/ec2/simulated-instance.ts';
import * as settings from '../region/settings.ts';
import type { SimulatedCloud } from '../region/simulated-cloud.ts';
import type { Listener } from './listener.ts';
import type { Stage } from './stage.ts';

/** The longest that anything in the scenario takes; then it is wrong. */
const usualPatienceSeconds = 180;
const lookEveryMs = 250;

/** What the scenario plays on, whichever engine runs Muster: its API, and EC2 with its machines. */
export interface Engine {
  /** Where agents enroll and operators ask. */
  url: string;
  cloud: Pick<SimulatedCloud, 'ec2' | 'ec2Url' | 'machines'>;
  /** Whoever hears what Muster tells. */
  listener: Pick<Listener, 'stateOf'>;
  /** Sends a request of an operator. */
  request(url: string, init: OperatorRequest): Promise<Response>;
}

interface OperatorRequest {
  method: string;
  /** JSON. */
  body?: string;
}

/** The scenario's view of an engine: the simulated EC2's own truth, the agents' own files, and the API. */
export function simulatedStage(engine: Engine, patienceSeconds: number = usualPatienceSeconds): Stage {
  const { url, cloud, listener } = engine;
  const clients = new Map<string, EC2Client>();
  return {
    url,
    settings: {
      account: settings.account,
      foreignAccount: settings.foreignAccount,
      homeRegion: settings.homeRegion,
      secondRegion: settings.secondRegion,
      agentImage: settings.agentImage,
      plainImage: settings.plainImage,
      subnetId: settings.subnetId,
      securityGroupId: settings.securityGroupId,
      eventsTag: settings.eventsTag,
    },
    newGrantKey: () => newGrantKey(randomBytes),
    ec2(account, name) {
      const at = {
        // RunInstances refills at two requests a second: whoever waits gets their turn
        maxAttempts: 10,
        endpoint: cloud.ec2Url,
        region: name,
        credentials: { accessKeyId: account, secretAccessKey: 'local' },
      };
      const client = clients.get(account + name) ?? new EC2Client(at);
      clients.set(account + name, client);
      return client;
    },
    api: (method, path, body) => callApi(engine, path, method, body),
    truth(key) {
      const instance = cloud.ec2.instance(key);
      if (!instance) return undefined;
      const starts = instance.history.filter(({ state }) => state === 'pending').length;
      const steps = instance.history.map(({ state, at }) => ({ state, at: formatTime(wholeSecond(at)) }));
      return { state: presentOf(instance).state, steps, starts, reboots: instance.reboots.length };
    },
    launchedByMuster: (key) => cloud.ec2.instance(key)?.clientToken.startsWith('mst-') ?? false,
    believed: (key) => listener.stateOf(key),
    agentFile: (key) => cloud.machines.agentFile(key),
    install: (key, agentSettings) => cloud.machines.install(key, agentSettings),
    failNextLaunch(account, name) {
      const where = { service: 'ec2', operation: 'RunInstances', account, region: name } as const;
      cloud.ec2.faults.add({ what: 'fail-start', where, code: 'Server.InsufficientInstanceCapacity', times: 1 });
    },
    killZone: (name) => cloud.ec2.faults.add({ what: 'zone-down', where: { service: 'ec2', zone: `${name}a` } }),
    until: (what, check) => until(what, check, patienceSeconds),
  };
}

async function callApi<Answer>(engine: Engine, path: string, method: string, body?: object): Promise<Answer> {
  const answer = await engine.request(engine.url + path, { method, ...(body && { body: JSON.stringify(body) }) });
  const json = (await answer.json()) as Answer & { code?: string };
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${json.code ?? ''}`);
  return json;
}

async function until<T>(
  what: string,
  check: () => Promise<T | undefined> | T | undefined,
  patienceSeconds: number,
): Promise<T> {
  const end = Date.now() + patienceSeconds * 1000;
  let trouble = '';
  while (Date.now() < end) {
    try {
      const value = await check();
      if (value !== undefined) return value;
    } catch (error) {
      trouble = error instanceof Error ? `: ${error.message}` : '';
    }
    await wait(lookEveryMs);
  }
  throw new Error(`after ${patienceSeconds} s it is still not so that ${what}${trouble}`);
}
