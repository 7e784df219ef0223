import type { SQSRecord } from 'aws-lambda';
import { openDeploymentEc2 } from '#shared/adapters/aws/deployment-ec2.ts';
import { openQueue } from '#shared/adapters/aws/queue.ts';
import { openStore } from '#shared/adapters/dynamo/open.ts';
import { type VerifyPorts, verifyInstances } from '#shared/app/cloud/verify-instances.ts';
import { readVerifyMessage } from '#shared/app/messages.ts';
import type { VerifyMessage } from '#shared/app/ports.ts';
import { readConfig } from '#shared/config.ts';
import { isRegisteredIn } from '#shared/domain/account/accounts.ts';
import { alarmOn } from '#shared/observe/alarms.ts';
import { errorFields, log } from '#shared/observe/log.ts';
import { lambda, makeBatchHandler, once, parseBody, type Runtime } from './make-handler.ts';

const failed = (message: VerifyMessage, error: unknown) =>
  log.error('verify failed and will be retried', { ...message, ...errorFields(error) });

/** Instances in doubt: EC2 is asked about all of a batch at once. */
export const make = (ports: () => VerifyPorts, runtime = lambda) =>
  makeBatchHandler(
    'verify',
    async (records) => {
      const asked = records.flatMap((record) => readOrDrop(record, runtime));
      const messages = asked.map(({ message }) => message);
      const open = new Set(await verifyInstances(messages, ports()));
      return asked.flatMap(({ message, messageId }) => (open.has(message) ? [messageId] : []));
    },
    runtime,
  );

function readOrDrop(record: SQSRecord, { log }: Runtime): { message: VerifyMessage; messageId: string }[] {
  try {
    return [{ message: readVerifyMessage(parseBody(record)), messageId: record.messageId }];
  } catch {
    log.warn('verify ignored a message', { messageId: record.messageId, code: 'malformed_request' });
    return [];
  }
}

export const handler = make(
  once(() => {
    const { timing, stage, region, ...config } = readConfig(
      ...(['HOME_ACCOUNT', 'TABLE_NAME', 'ACCOUNTS', 'VERIFY_QUEUE_URL'] as const),
    );
    const verify = openQueue<VerifyMessage>(config.VERIFY_QUEUE_URL);
    const home = { account: config.HOME_ACCOUNT, region, stage, accounts: config.ACCOUNTS };
    return {
      store: openStore(config.TABLE_NAME, timing),
      ec2: openDeploymentEc2(home, 'verify', Date.now),
      verify,
      isRegistered: isRegisteredIn(home.accounts),
      alarm: alarmOn(stage),
      failed,
      timing,
    };
  }),
);
