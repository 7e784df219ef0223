import {
  AssumeRoleCommand,
  type AssumeRoleCommandOutput,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { type Accounts, isRegisteredIn, partitionOf } from '#shared/domain/account/accounts.ts';
import { Problem } from '#shared/domain/problems.ts';

/** Temporary credentials, as the SDK's clients take them. */
interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}

/** Credentials for a member account's Region. Rejects where there are none: no credentials is never an empty answer. */
export type MemberCredentials = (account: string, region: string) => Promise<Credentials>;

/** The account, the Region and the stage that Muster is deployed in, and the accounts that it answers for. */
export interface Deployment {
  account: string;
  region: string;
  stage: string;
  accounts: Accounts;
}

/** The functions that act in accounts; a member's role lets each do what it does and no more (infra/member-account.yml). */
export type Caller = 'verify' | 'sweepRegion' | 'launch' | 'operatorEc2';

/** Why nothing can be done in a member account now. Whatever wanted to is tried again: that is for its queue, or whoever asked. */
export class MemberAccountError extends Error {
  /** Misconfigured until somebody mends it, or something that passes. */
  override readonly name: 'MemberAccountMisconfigured' | 'MemberAccountUnreachable';

  constructor(name: MemberAccountError['name'], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = name;
  }
}

/** The shortest there is (STS/latest/APIReference/API_AssumeRole.html): a role taken away is out of use as soon. */
const lifeSeconds = 900;
/** As long as the longest function runs. The SDK's clients, too, ask anew so long before the end. */
const renewBeforeMs = 300_000;
/** So long a failure stands for all who ask: one account's must not cost the others of a batch a call each. */
const failureLastsMs = 10_000;

/** An answer takes tens of milliseconds; who waits for one holds up the other accounts of a batch. */
const patience = { connectionTimeout: 1000, requestTimeout: 3000, throwOnRequestTimeout: true };

const memberRoleArn = ({ region, stage }: Deployment, account: string): string =>
  `arn:${partitionOf(region)}:iam::${account}:role/muster-${stage}-member`;

/**
 * Muster's own name for a member account, one for each. AWS: unique to each customer, chosen by whoever assumes the role, and no secret
 * (IAM/latest/UserGuide/confused-deputy.html, id_roles_common-scenarios_third-party.html).
 */
const externalIdOf = ({ account, region, stage }: Deployment, member: string): string =>
  `muster/${account}/${region}/${stage}/${member}`;

/** Credentials that are asked for again when this is past. */
interface Held {
  credentials: Promise<Credentials>;
  until: number;
}

/**
 * Takes the role that a member account has for this deployment (infra/member-account.yml), in registered accounts and Regions alone.
 * Before anything is asked with the credentials, STS must say that they are the registered account's. Who asks at once shares one
 * answer; an account that fails holds up no other.
 */
export function openMemberCredentials(home: Deployment, caller: Caller, now: () => number): MemberCredentials {
  const sts = new STSClient({ region: home.region, requestHandler: patience });
  const isRegistered = isRegisteredIn(home.accounts);
  const held = new Map<string, Held>();

  async function takeRole(account: string): Promise<Credentials> {
    const role = {
      RoleArn: memberRoleArn(home, account),
      RoleSessionName: `muster-${home.stage}-${caller}`,
      ExternalId: externalIdOf(home, account),
      DurationSeconds: lifeSeconds,
    };
    const answer = await sts.send(new AssumeRoleCommand(role)).catch((error: Error) => {
      throw failure(error, `cannot assume ${role.RoleArn}`);
    });
    const credentials = credentialsIn(answer);
    await requireOwner(credentials, account, home.region);
    return credentials;
  }

  return async (account, region) => {
    if (!isRegistered(account, region)) {
      const facts = { account, region };
      throw new Problem('account_not_registered', 'only registered accounts and Regions are acted in', facts);
    }
    const key = `${partitionOf(region)}/${account}`;
    const current = held.get(key);
    if (current && now() < current.until) return current.credentials;
    const next: Held = { credentials: takeRole(account), until: Number.POSITIVE_INFINITY };
    held.set(key, next);
    next.credentials.then(
      ({ expiration }) => {
        next.until = expiration.getTime() - renewBeforeMs;
      },
      () => {
        next.until = now() + failureLastsMs;
      },
    );
    return next.credentials;
  };
}

function credentialsIn({ Credentials: given }: AssumeRoleCommandOutput): Credentials {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = { ...given };
  if (AccessKeyId && SecretAccessKey && SessionToken && Expiration) {
    const key = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
    return { ...key, sessionToken: SessionToken, expiration: Expiration };
  }
  throw new MemberAccountError('MemberAccountUnreachable', 'what was answered in STS’s place has no credentials');
}

/** Whoever answers for STS, or a role behind another, could give credentials of an account that nobody registered. */
async function requireOwner(credentials: Credentials, account: string, region: string): Promise<void> {
  const sts = new STSClient({ region, credentials, requestHandler: patience });
  try {
    const { Account } = await sts.send(new GetCallerIdentityCommand()).catch((error: Error) => {
      throw failure(error, `cannot ask whose the credentials for account ${account} are`);
    });
    if (Account === account) return;
    const whose = Account === undefined ? 'STS does not say whose' : `those of account ${Account}`;
    const name = Account === undefined ? 'MemberAccountUnreachable' : 'MemberAccountMisconfigured';
    throw new MemberAccountError(name, `the credentials for account ${account} are ${whose}`);
  } finally {
    sts.destroy();
  }
}

/** Told without STS's own code: EC2's refusals have one, and this is none of EC2's. */
function failure(error: Error, what: string): MemberAccountError {
  const name = error.name === 'AccessDenied' ? 'MemberAccountMisconfigured' : 'MemberAccountUnreachable';
  return new MemberAccountError(name, `${what}: ${error.name}: ${error.message}`, error);
}
