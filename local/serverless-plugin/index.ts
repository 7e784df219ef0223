import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type InvocationTarget, invocationTarget, parseLocalRegion } from './invocation-target.ts';
import { withPresentTimes } from './present-times.ts';
import { isRehearsal, rehearsalRefusal } from './rehearsal.ts';

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
  getProvider(name: 'aws'): { getAwsSdkV3Config(): Promise<unknown> };
}

interface LambdaModule {
  LambdaClient: new (
    config: unknown,
  ) => { send(command: unknown): Promise<{ Environment?: { Variables?: Record<string, string> } }> };
  GetFunctionConfigurationCommand: new (input: { FunctionName: string }) => unknown;
}

const nowhere =
  'Nothing to invoke against: run `npm start` beside this, or name AWS with AWS_PROFILE, AWS_ACCESS_KEY_ID or --aws-profile.\n';

/** Sends `invoke local` to the local region (or to AWS, if told so), and refuses to package an unsafe rehearsal. */
export default class MusterPlugin {
  readonly hooks: Record<string, () => void | Promise<void>>;
  readonly #osls: Osls;
  readonly #options: { data?: unknown };
  readonly #serviceDir: string;

  /** `options` is osls's own object: `invoke local` keeps the payload in it. */
  constructor(osls: Osls, options: { data?: unknown }) {
    this.#osls = osls;
    this.#options = options;
    this.#serviceDir = osls.serviceDir;
    this.hooks = {
      // The first moment after variables are resolved, and before osls looks for credentials
      initialize: () => this.#initialize(),
      'before:invoke:local:invoke': () => this.#prepareInvocation(),
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
    const requireFromOsls = createRequire(createRequire(import.meta.url).resolve('serverless'));
    const { LambdaClient, GetFunctionConfigurationCommand } = requireFromOsls('@aws-sdk/client-lambda') as LambdaModule;
    const client = new LambdaClient(await this.#osls.getProvider('aws').getAwsSdkV3Config());
    const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: functionName }));
    return Environment?.Variables ?? {};
  }

  #prepareInvocation(): void {
    this.#options.data = withPresentTimes(this.#options.data, new Date());
    // The bundle is CommonJS; without this it would count as part of the repository's "type": "module"
    writeFileSync(join(this.#serviceDir, '.esbuild', 'package.json'), '{ "type": "commonjs" }\n');
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Signal 0 only asks; EPERM means that the process lives and is somebody else's. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
