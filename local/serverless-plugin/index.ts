import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isAlive } from '../region/is-alive.ts';
import { type InvocationTarget, invocationTarget, parseLocalRegion } from './invocation-target.ts';
import { withPresentTimes } from './present-times.ts';
import { isRehearsal, rehearsalRefusal } from './rehearsal.ts';
import { outputsThatStay, whatStays } from './removal.ts';

interface FunctionDefinition {
  name: string;
  environment?: Record<string, unknown>;
}

/** The little of osls that this plugin touches; the types that osls ships describe its configuration file only. */
interface Osls {
  serviceDir: string;
  processedInput: { commands: string[]; options: Record<string, string | undefined> };
  service: {
    provider: { environment?: Record<string, unknown>; deploymentBucketObject?: { skipPolicySetup?: boolean } };
    functions: Record<string, FunctionDefinition>;
  };
  classes: { Error: new (message: string, code: string) => Error };
  getProvider(name: 'aws'): {
    getAwsSdkV3Config(): Promise<unknown>;
    naming: { getStackName(): string };
  };
}

/** What osls hands to a plugin for people to read. */
interface Utilities {
  log: { notice(line: string): void };
}

interface CloudFormationModule {
  CloudFormationClient: new (
    config: unknown,
  ) => { send(command: unknown): Promise<{ Stacks?: { Outputs?: { OutputKey?: string; OutputValue?: string }[] }[] }> };
  DescribeStacksCommand: new (input: { StackName: string }) => unknown;
}

interface LambdaModule {
  LambdaClient: new (
    config: unknown,
  ) => { send(command: unknown): Promise<{ Environment?: { Variables?: Record<string, string> } }> };
  GetFunctionConfigurationCommand: new (input: { FunctionName: string }) => unknown;
}

const nowhere =
  'Nothing to invoke against: run `npm start` beside this, or name AWS with AWS_PROFILE, AWS_ACCESS_KEY_ID or --aws-profile.\n';

/**
 * Sends `invoke local` to the local region (or to AWS, if told so), refuses to package an unsafe rehearsal, and says what a removal
 * leaves.
 */
export default class MusterPlugin {
  readonly hooks: Record<string, () => void | Promise<void>>;
  readonly #osls: Osls;
  readonly #options: { data?: unknown };
  readonly #serviceDir: string;
  readonly #say: (line: string) => void;
  #kept: string[] = [];

  /** `options` is osls's own object: `invoke local` keeps the payload in it. */
  constructor(osls: Osls, options: { data?: unknown }, { log }: Utilities) {
    this.#osls = osls;
    this.#options = options;
    this.#serviceDir = osls.serviceDir;
    this.#say = (line) => log.notice(line);
    this.hooks = {
      // The first moment after variables are resolved, and before osls looks for credentials
      initialize: () => this.#initialize(),
      'before:invoke:local:invoke': () => this.#prepareInvocation(),
      'before:remove:remove': () => this.#lookWhatStays(),
      'after:remove:remove': () => this.#sayWhatStays(),
    };
  }

  async #initialize(): Promise<void> {
    const command = this.#osls.processedInput.commands.join(' ');
    if (command === 'package') process.env.AWS_EC2_METADATA_DISABLED = 'true';
    if (command === 'package' || command === 'deploy') this.#prepareRehearsal();
    if (command === 'invoke local') await this.#pointAt(this.#target());
  }

  #prepareRehearsal(): void {
    const { functions, provider } = this.#osls.service;
    const eventSource = String(functions.onInstanceChanged?.environment?.EVENT_SOURCE);
    if (!isRehearsal(eventSource)) return;
    const refusal = rehearsalRefusal(eventSource, String(functions.enroll?.environment?.TEST_ANCHORS));
    if (refusal !== undefined) throw new this.#osls.classes.Error(refusal, 'UNSAFE_REHEARSAL');
    // An emulator speaks plain HTTP: the policy that demands TLS of the deployment bucket would lock the deployer out
    if (provider.deploymentBucketObject) provider.deploymentBucketObject.skipPolicySetup = true;
  }

  #target(): InvocationTarget {
    const region = parseLocalRegion(readIfThere(join(this.#serviceDir, '.muster', 'local.json')));
    return invocationTarget(region, isAlive, this.#osls.processedInput.options['aws-profile'], process.env);
  }

  async #pointAt(target: InvocationTarget): Promise<void> {
    if (target.kind === 'none') {
      process.stderr.write(nowhere);
      process.exit(2);
    }
    const definition = this.#osls.service.functions[this.#osls.processedInput.options.function ?? ''];
    if (definition === undefined) return; // osls says which functions there are
    if (target.kind === 'local') {
      // Here as well as there: osls reads its own credentials from this process
      Object.assign(process.env, target.env);
      delete process.env.AWS_PROFILE;
    }
    this.#osls.service.provider.environment = {};
    definition.environment = target.kind === 'local' ? target.env : await this.#deployedEnvironment(definition.name);
  }

  /** What the deployed function is told: osls itself can resolve a `Ref` of the template but no `Fn::Sub`. */
  async #deployedEnvironment(functionName: string): Promise<Record<string, string>> {
    const { LambdaClient, GetFunctionConfigurationCommand } = fromOsls('@aws-sdk/client-lambda') as LambdaModule;
    const client = new LambdaClient(await this.#osls.getProvider('aws').getAwsSdkV3Config());
    const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: functionName }));
    return Environment?.Variables ?? {};
  }

  /** By their names, which are gone with the stack. */
  async #lookWhatStays(): Promise<void> {
    const provider = this.#osls.getProvider('aws');
    const { CloudFormationClient, DescribeStacksCommand } = fromOsls(
      '@aws-sdk/client-cloudformation',
    ) as CloudFormationModule;
    const client = new CloudFormationClient(await provider.getAwsSdkV3Config());
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: provider.naming.getStackName() }));
    const outputs = Stacks?.[0]?.Outputs ?? [];
    this.#kept = outputsThatStay.flatMap(
      (name) => outputs.find(({ OutputKey }) => OutputKey === name)?.OutputValue ?? [],
    );
  }

  #sayWhatStays(): void {
    for (const line of whatStays(this.#kept)) this.#say(line);
  }

  #prepareInvocation(): void {
    this.#options.data = withPresentTimes(this.#options.data, new Date());
    // The bundle is CommonJS; without this it would count as part of the repository's "type": "module"
    writeFileSync(join(this.#serviceDir, '.esbuild', 'package.json'), '{ "type": "commonjs" }\n');
  }
}

/** The SDK clients that osls brings. */
const fromOsls = createRequire(createRequire(import.meta.url).resolve('serverless'));

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
