import { openQueue } from '#shared/adapters/aws/queue.ts';
import { askCallerIdentity } from '#shared/adapters/aws/sts.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { newId } from '#shared/adapters/ids.ts';
import type { EnrollPorts } from '#shared/app/enrollment/enroll-instance.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { readConfig } from '#shared/config.ts';
import { isRegisteredIn } from '#shared/domain/account/accounts.ts';
import { type ProblemCode, problems } from '#shared/domain/problems.ts';
import { enrollRoute } from '#shared/http/routes/enroll.ts';
import { watchAnchors } from '#shared/identity/anchor-watch.ts';
import { loadAnchors } from '#shared/identity/anchors.ts';
import type { CallerIdentityRequest } from '#shared/identity/sts-request.ts';
import { log } from '#shared/observe/log.ts';
import { count } from '#shared/observe/metrics.ts';
import { lambda, makeApiHandler, once } from './make-handler.ts';

/** POST /v1/enroll: an agent proves which instance it runs on. */
export const make = (ports: () => EnrollPorts, runtime = lambda) =>
  makeApiHandler((event) => enrollRoute.serve(event, runtime.now(), ports()), runtime);

export const handler = make(
  once(() => {
    const { timing, stage, ...config } = readConfig(
      ...(['TABLE_NAME', 'AUDIENCES', 'ACCOUNTS', 'POLICY', 'EXTRA_ANCHORS'] as const),
      ...(['TEST_ANCHORS', 'AWS_ENDPOINT_URL_EC2', 'VERIFY_QUEUE_URL'] as const),
    );
    const anchors = loadAnchors({
      extra: config.EXTRA_ANCHORS,
      test: config.TEST_ANCHORS,
      ec2Endpoint: config.AWS_ENDPOINT_URL_EC2,
    });
    const regions = [...new Set(Object.values(config.ACCOUNTS).flatMap((account) => account.regions))];
    for (const warning of watchAnchors(anchors, regions, new Date())) {
      log.warn('identity key needs attention', { ...warning });
      count('IdentityKeyEnding', stage);
    }
    const decided = (line: Readonly<Record<string, unknown>>) => {
      const code = line.code as ProblemCode | undefined;
      // An operator finds this line by the agent's reference and needs the next step in it.
      log.info('enrollment decided', { ...line, ...(code && { todo: problems[code].todo }) });
      count(line.decision === 'enrolled' ? 'EnrollmentAccepted' : 'EnrollmentRefused', stage);
    };
    const verify = openQueue<VerifyMessage>(config.VERIFY_QUEUE_URL);
    const [store, isRegistered] = [openStore(config.TABLE_NAME, timing), isRegisteredIn(config.ACCOUNTS)];
    return {
      store,
      verify,
      anchors,
      audiences: config.AUDIENCES,
      isRegistered,
      allowedProofs: config.POLICY.proofKinds,
      launchPolicy: config.POLICY.launch,
      reenrollOnRestart: config.POLICY.reenrollOnRestart,
      askSts: (request: CallerIdentityRequest) => askCallerIdentity(request, fetch),
      decided,
      newId,
      timing,
    };
  }),
);
