import { mergeDescribed } from '#shared/domain/cloud/merge-describe.ts';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import type { Timing } from '#shared/domain/timing.ts';
import { attachByToken } from '../launch/attach-launched.ts';
import {
  type Described,
  type Describer,
  describeLimit,
  type Outbox,
  type Store,
  type VerifyMessage,
} from '../ports.ts';
import { detachReplaced } from './detach-replaced.ts';
import { readAndSaveMerged } from './save-merged.ts';

export interface VerifyPorts {
  store: Store;
  ec2: Describer;
  verify: Outbox<VerifyMessage>;
  isRegistered: (account: string, region: string) => boolean;
  alarm: (what: string, key: InstanceKey) => void;
  /** Told why a question stays open, once for each message that is given back. */
  failed: (message: VerifyMessage, error: unknown) => void;
  timing: Timing;
}

/**
 * Asks EC2 about instances in doubt, in as few requests as their accounts and regions allow, and merges what it says.
 * Returns the messages whose question is still open because EC2 or the record failed; the queue gives those again.
 * Accounts and Regions are asked side by side. One that throttles or does not answer is asked nothing more and holds up no other.
 */
export async function verifyInstances(
  messages: readonly VerifyMessage[],
  ports: VerifyPorts,
): Promise<VerifyMessage[]> {
  const registered = messages.filter(({ account, region }) => ports.isRegistered(account, region));
  const unreadable: VerifyMessage[] = [];
  const isWanted = async (message: VerifyMessage): Promise<VerifyMessage[]> => {
    try {
      return (await isOpen(message, ports.store)) ? [message] : [];
    } catch (error) {
      unreadable.push(...giveBack([message], error, ports));
      return [];
    }
  };
  const wanted = (await Promise.all(registered.map(isWanted))).flat();
  const groups = [...Map.groupBy(wanted, ({ account, region }) => `${account}/${region}`).values()];
  return [...unreadable, ...(await Promise.all(groups.map((group) => verifyGroup(group, ports)))).flat()];
}

/** A question about a doubt is open while the doubt is. */
async function isOpen(message: VerifyMessage, store: Store): Promise<boolean> {
  return !message.onlyIfInDoubt || (await store.getInstance(message))?.cloud.verify !== null;
}

/** One account's Region: whatever goes wrong there gives its own messages back. */
async function verifyGroup(group: readonly VerifyMessage[], ports: VerifyPorts): Promise<readonly VerifyMessage[]> {
  const failed: VerifyMessage[] = [];
  for (let start = 0; start < group.length; start += describeLimit) {
    try {
      failed.push(...(await verifyBatch(group.slice(start, start + describeLimit), ports)));
    } catch (error) {
      return [...failed, ...giveBack(group.slice(start), error, ports)];
    }
  }
  return failed;
}

async function verifyBatch(batch: readonly VerifyMessage[], ports: VerifyPorts): Promise<VerifyMessage[]> {
  const answer = await describeAs('describe', batch, ports);
  return 'found' in answer ? mergeAnswer(batch, answer.found, ports) : verifyByZone(batch, ports);
}

/** What EC2 says of a batch of one account and region, or how it failed as a service or a zone does. */
async function describeAs(
  how: 'describe' | 'describeNamed',
  batch: readonly VerifyMessage[],
  { ec2 }: VerifyPorts,
): Promise<{ found: readonly Described[] } | { error: unknown }> {
  const [first] = batch;
  if (!first) return { found: [] };
  try {
    const ids = [...new Set(batch.map(({ instanceId }) => instanceId))];
    return await ec2[how](first.account, first.region, ids);
  } catch (error) {
    if (asksNoMore(error)) throw error;
    return { error };
  }
}

/** EC2 throttles, or did not answer in time: to ask again would take as long, for each zone and each half of a batch. */
const asksNoMore = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'RequestLimitExceeded' || error.name === 'TimeoutError');

/** With a zone impaired only a request that names none but instances of healthy zones is answered (API_DescribeInstances.html). */
async function verifyByZone(batch: readonly VerifyMessage[], ports: VerifyPorts): Promise<VerifyMessage[]> {
  const facts = await Promise.all(batch.map((message) => ports.store.getFacts(message)));
  const zones = Map.groupBy(batch.keys(), (index) => facts[index]?.availabilityZone ?? 'unknown');
  const failed: VerifyMessage[] = [];
  for (const [zone, indexes] of zones) {
    const part = [...indexes].flatMap((index) => batch[index] ?? []);
    failed.push(...(await verifyPart(part, zone !== 'unknown', ports)));
  }
  return failed;
}

/** A zone's instances stand or fall together. Those of unknown zones are halved until the healthy are apart from the others. */
async function verifyPart(
  part: readonly VerifyMessage[],
  sameZone: boolean,
  ports: VerifyPorts,
): Promise<readonly VerifyMessage[]> {
  const answer = await describeAs('describeNamed', part, ports);
  if ('found' in answer) return mergeAnswer(part, answer.found, ports);
  if (sameZone || part.length === 1) return giveBack(part, answer.error, ports);
  const middle = part.length >> 1;
  const first = await verifyPart(part.slice(0, middle), sameZone, ports);
  return [...first, ...(await verifyPart(part.slice(middle), sameZone, ports))];
}

function giveBack(
  messages: readonly VerifyMessage[],
  error: unknown,
  ports: Pick<VerifyPorts, 'failed'>,
): readonly VerifyMessage[] {
  for (const message of messages) ports.failed(message, error);
  return messages;
}

/** Merges what EC2 said; a record that fails is given back and holds up no other. */
async function mergeAnswer(
  batch: readonly VerifyMessage[],
  found: readonly Described[],
  ports: VerifyPorts,
): Promise<VerifyMessage[]> {
  const byId = new Map(found.map((described) => [described.sight.instanceId, described]));
  const open: VerifyMessage[] = [];
  const failed: VerifyMessage[] = [];
  for (const message of batch) {
    const described = byId.get(message.instanceId);
    try {
      // Absent is no answer: EC2 may not show a new instance yet. The sweep decides about the old ones.
      if (!described || (await saveDescribed(described, message.cameBack ?? false, ports))) open.push(message);
    } catch (error) {
      failed.push(...giveBack([message], error, ports));
    }
  }
  await attachByToken(found, ports);
  await askAgain(open, ports);
  return failed;
}

/** True if the record's doubt outlived the answer. */
async function saveDescribed(
  { sight, facts }: Described,
  cameBack: boolean,
  ports: Pick<VerifyPorts, 'store' | 'alarm' | 'timing'>,
): Promise<boolean> {
  // Before the record: a crash in between leaves none that no listing and no sweep would find.
  await ports.store.ensurePair(sight.account, sight.region);
  // Before the record too: what a record says of a start, an enrollment checks against the facts of that start. Also where nothing
  // changed: an enrollment may wait for an answer that is newer than its request.
  await ports.store.putFacts(facts);
  const merged = await readAndSaveMerged(ports.store, sight, (current) => mergeDescribed(current, sight, ports.timing));
  if (!merged) return false;
  if (merged.outcome.alarm) ports.alarm(merged.outcome.alarm, sight);
  if (merged.outcome.alarm || cameBack) await detachReplaced(merged.outcome.instance, ports.store);
  return merged.outcome.needsDescribe;
}

/** Asked again after 2, 8 and 32 s; then it is the sweep's. */
async function askAgain(open: readonly VerifyMessage[], { verify, timing }: VerifyPorts): Promise<void> {
  for (const [attempt, messages] of Map.groupBy(open, (message) => message.attempt)) {
    const delaySeconds = timing.verifyRetrySeconds[attempt];
    if (delaySeconds === undefined) continue;
    await verify.send(
      messages.map((message) => ({ ...message, attempt: attempt + 1 })),
      delaySeconds,
    );
  }
}
