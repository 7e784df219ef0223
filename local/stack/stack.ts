import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { signedFetch } from '../../cli/signed-fetch.ts';
import { RealClock } from '../clock.ts';
import { Faults } from '../faults.ts';
import { random } from '../random.ts';
import { assembled, type Undo } from '../region/assemble.ts';
import { account, homeRegion } from '../region/settings.ts';
import { type SimulatedCloud, startSimulatedCloud } from '../region/simulated-cloud.ts';
import { StartError } from '../region/start-error.ts';
import { Listener } from '../scenario/listener.ts';
import type { Engine } from '../scenario/simulated-stage.ts';
import type { ClientOptions, Outputs, Person } from './account.ts';
import { startConsumer } from './consumer.ts';
import { eventsTo } from './ec2-events.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { type Access, createAccess } from './people.ts';
import { serverless } from './serverless.ts';
import { makeServiceFolder } from './service-folder.ts';
import * as settings from './settings.ts';

export interface StackOptions {
  port: number;
  /** Where everything is kept while it runs. */
  folder: string;
  /** Where Python environments are kept. */
  pythons: string;
  say: (line: string) => void;
}

/** Muster, really deployed: into an emulator, in front of the simulated EC2. */
export interface Stack extends Engine {
  readonly cloud: SimulatedCloud;
  /** Where the emulator is, for AWS_ENDPOINT_URL. */
  readonly endpoint: string;
  readonly outputs: Outputs;
  /** Whoever deploys, operates and reads; each with the policy that docs/deploy.md has for them. */
  readonly people: Access;
  /** For any SDK client of the account's root. */
  readonly root: ClientOptions;
  /** Rejects with a sentence if the emulator ends by itself. */
  readonly failed: Promise<never>;
  /** Ends the emulator and starts it again with the state that it had. */
  restart(): Promise<void>;
  /** Deploys once more, with other parameters if any are given. */
  deploy(params?: Readonly<Record<string, string>>): Promise<void>;
  /** Runs the Serverless Framework as the deployer: `invoke -f tick`. */
  serverless(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

/** Starts the emulator, deploys into it and resolves when agents and operators can be answered. */
export const startStack = (options: StackOptions): Promise<Stack> => assembled((undo) => assemble(options, undo));

async function assemble({ port, folder, pythons, say }: StackOptions, undo: Undo): Promise<Omit<Stack, 'close'>> {
  mkdirSync(folder, { recursive: true });
  const report = (error: unknown) => {
    appendFileSync(join(folder, 'stack.log'), `${new Date().toISOString()} ${String(error)}\n`);
  };
  const clock = new RealClock(report);
  const endpoint = `http://127.0.0.1:${port}`;
  const root: ClientOptions = {
    endpoint,
    region: homeRegion,
    credentials: { accessKeyId: account, secretAccessKey: randomBytes(20).toString('hex') },
  };
  const seeded = random(randomBytes(4).readUInt32LE());
  const cloud = await startSimulatedCloud({
    folder,
    clock,
    random: seeded,
    faults: new Faults({ random: seeded, now: () => clock.now().getTime() }),
    emit: eventsTo(root, report),
  });
  undo.push(cloud.close);

  const start = () =>
    startEmulator({
      ...{ port, folder, pythons, say, account, secret: root.credentials.secretAccessKey },
      functionEnv: { AWS_ENDPOINT_URL_EC2: cloud.ec2Url },
    });
  let fail = (_: Error) => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const watched = async (): Promise<Emulator> => {
    const started = await start();
    void started.ended.then(() =>
      fail(new StartError(`The emulator ended by itself; its last words are in ${folder}`)),
    );
    return started;
  };
  let emulator = await watched();
  undo.push(() => emulator.stop());

  const people = await createAccess(root);
  const service = makeServiceFolder(join(folder, 'service'));
  const run = (...args: string[]) =>
    serverless(args, {
      folder: service,
      env: environmentOf(endpoint, people.deployer),
      logFile: join(folder, 'serverless.log'),
    });
  const deploy = async (params: Readonly<Record<string, string>> = {}) => {
    const all = { ...parameters(endpoint, cloud.anchors), ...params };
    await run('deploy', ...Object.entries(all).map(([name, value]) => `--param=${name}=${value}`));
  };
  say('Deploying …');
  await deploy();
  const outputs = await readOutputs(root);
  await people.admit(outputs);
  const listener = new Listener(join(folder, 'consumed.jsonl'));
  const consumer = await startConsumer(root, String(outputs.BusName), (body) => listener.hear(body), report);
  undo.push(
    consumer.stop,
    () => clock.stop(),
    () => cloud.machines.close(),
  );
  return {
    ...{ endpoint, outputs, people, root, cloud, listener, deploy, failed },
    url: apiUrl(endpoint, String(outputs.HttpApiId)),
    request: inTurns((url, { method, body }) =>
      signedFetch({ url, method, body, credentials: people.operator, region: homeRegion }),
    ),
    serverless: run,
    async restart() {
      await emulator.stop();
      emulator = await watched();
    },
  };
}

/** Two requests at a time: the emulator starts a process for each further one, and a small machine answers none of many in time. */
function inTurns(request: Engine['request']): Engine['request'] {
  const queues: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  let count = 0;
  return (url, init) => {
    const index = count++ % queues.length;
    const answer = Promise.resolve(queues[index]).then(() => request(url, init));
    queues[index] = answer.catch(() => {});
    return answer;
  };
}

/** The emulator answers for an API under this path, whatever its host's name: apis have their own hosts on AWS. */
const apiUrl = (endpoint: string, apiId: string): string => `${endpoint}/_aws/execute-api/${apiId}/$default`;

/** What the stage cannot know by itself: where the emulator is, whom documents are signed by, how short the durations are. */
export const parameters = (endpoint: string, anchors: readonly object[]): Record<string, string> => ({
  accounts: JSON.stringify(settings.accounts),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation fills it in
  audiences: apiUrl(endpoint, '${HttpApi}'),
  testAnchors: JSON.stringify(anchors),
  timing: JSON.stringify(settings.timing),
});

/** For a program that reaches AWS by the environment. */
export const environmentOf = (endpoint: string, person: Person): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: homeRegion,
  AWS_ACCESS_KEY_ID: person.accessKeyId,
  AWS_SECRET_ACCESS_KEY: person.secretAccessKey,
});

async function readOutputs(root: ClientOptions): Promise<Outputs> {
  const client = new CloudFormationClient(root);
  const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: settings.stackName }));
  client.destroy();
  const outputs = Stacks?.[0]?.Outputs ?? [];
  return Object.fromEntries(outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]));
}
