import type { ManyInstances, RestoreAnswer } from '#shared/app/agent/restore.ts';
import type { Shown } from '#shared/app/answer.ts';
import type { HistoryPage } from '#shared/app/events/list-history.ts';
import type { InstanceAnswer } from '#shared/app/instance/view.ts';
import { sideBySide } from '#shared/app/side-by-side.ts';
import { parseTime } from '#shared/domain/time.ts';

/** Sends one request to the operator API. Throws if Muster refuses. */
export type Ask = (method: 'GET' | 'POST', path: string, body?: object) => Promise<object>;

type Instance = Shown<typeof InstanceAnswer>;
type Fate = Shown<typeof ManyInstances>['items'][number];

/** What the command did, for each instance that needed something. */
export interface RestoredFleet {
  restore: Shown<typeof RestoreAnswer>;
  instances: number;
  readmitted: Fate[];
  conflictsEnded: Fate[];
  /** Releases and blocks that the restore had undone. */
  endedAgain: Fate[];
}

/** The last thing that happened to an instance's agent in the time that the restore has lost. */
type LostAct = { act: 'enrolled'; agentId: string } | { act: 'release' | 'block' } | undefined;

/** API Gateway's own limit per route is far above this (infra/api.yml). */
const atOnce = 8;
/** As many as one request may name (shared/http/routes/restore.ts). */
const inOneRequest = 100;

/**
 * Opens the check-ins after the main table was put back to `restoredTo`, and repeats what the history says that the restore has
 * undone: releases and blocks are done again, agents that were enrolled since may enroll with the same keys, and conflicts end
 * that were seen since then and before the opening. It may be run again: what is done already is not done twice.
 */
export async function restoreFleet(ask: Ask, restoredTo: string, reason: string): Promise<RestoredFleet> {
  const restore = (await ask('POST', '/v1/restore', { restoredTo, reason })) as RestoredFleet['restore'];
  const done: RestoredFleet = { restore, instances: 0, readmitted: [], conflictsEnded: [], endedAgain: [] };
  const since = parseTime(restore.restoredTo) ?? 0;
  for await (const page of pages<Instance>(ask, '/v1/instances')) {
    done.instances += page.length;
    const acts = await sideBySide(page, atOnce, (instance) => lostActOf(ask, instance, since));
    const ended = page.filter((instance, nth) => isUndone(instance, acts[nth]));
    done.endedAgain.push(
      ...(await sideBySide(ended, atOnce, (one) => endAgain(ask, one, acts[page.indexOf(one)], reason))),
    );
    const agents = page.flatMap((instance, nth) => lostAgent(instance, acts[nth]));
    if (agents.length > 0) done.readmitted.push(...(await many(ask, '/v1/restore/readmit', { agents, reason })));
    // A conflict that was seen after the opening is a true one.
    const until = parseTime(restore.openedAt) ?? 0;
    const instances = page.filter(({ conflict }) => isBetween(conflict?.since, since, until)).map(named);
    const ending = { instances, since: restore.restoredTo, until: restore.openedAt, reason };
    if (instances.length > 0) done.conflictsEnded.push(...(await many(ask, '/v1/conflicts/end', ending)));
  }
  return done;
}

const many = async (ask: Ask, path: string, body: object): Promise<readonly Fate[]> =>
  ((await ask('POST', path, body)) as Shown<typeof ManyInstances>).items;

const isBetween = (time: string | undefined, since: number, until: number): boolean => {
  const at = parseTime(time) ?? 0;
  return at >= since && at < until;
};

const pathOf = ({ account, region, instanceId }: Instance): string =>
  `/v1/instances/${[account, region, instanceId].map(encodeURIComponent).join('/')}`;

const named = ({ account, region, instanceId }: Instance) => ({ account, region, instanceId });

/** The history is in the other table, which was not put back. */
async function lostActOf(ask: Ask, instance: Instance, since: number): Promise<LostAct> {
  let last: LostAct;
  for await (const entries of pages<Shown<typeof HistoryPage>['items'][number]>(ask, `${pathOf(instance)}/history`)) {
    for (const { detailType, detail } of entries) {
      const { at, agentId, reason } = (detail.data ?? {}) as Record<string, unknown>;
      if ((parseTime(at) ?? 0) <= since) continue;
      if (detailType === 'Instance Enrolled') last = { act: 'enrolled', agentId: String(agentId) };
      if (detailType !== 'Instance Discovered-Only') continue;
      if (reason === 'released') last = { act: 'release' };
      if (reason === 'blocked') last = { act: 'block' };
    }
  }
  return last;
}

const isUndone = ({ managementReason }: Instance, lost: LostAct): boolean =>
  (lost?.act === 'release' && managementReason !== 'released') ||
  (lost?.act === 'block' && managementReason !== 'blocked');

function lostAgent(instance: Instance, lost: LostAct) {
  if (lost?.act !== 'enrolled' || instance.agent?.id === lost.agentId) return [];
  return [{ ...named(instance), agentId: lost.agentId }];
}

async function endAgain(ask: Ask, instance: Instance, lost: LostAct, reason: string): Promise<Fate> {
  try {
    await ask('POST', `${pathOf(instance)}/${lost?.act}`, { reason });
    return { ...named(instance), done: true, code: null };
  } catch (error) {
    const code = (error as { answer?: { code?: unknown } }).answer?.code;
    if (typeof code !== 'string') throw error;
    return { ...named(instance), done: false, code };
  }
}

/** Every page of a list, with at most as many items as one request may name. */
async function* pages<Item>(ask: Ask, path: string): AsyncGenerator<readonly Item[], void> {
  let token: string | null = null;
  do {
    const more: string = token === null ? '' : `&pageToken=${encodeURIComponent(token)}`;
    const page = (await ask('GET', `${path}?pageSize=${inOneRequest}${more}`)) as {
      items: Item[];
      nextPageToken: string | null;
    };
    yield page.items;
    token = page.nextPageToken;
  } while (token !== null);
}
