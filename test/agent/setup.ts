import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { runAgent } from '#agent/agent.ts';
import type { AgentPorts } from '#agent/ports.ts';
import { openStateFolder } from '#agent/state/state-folder.ts';
import type { Settings } from '#protocol/settings.ts';

export const musterUrl = 'https://muster.example/prod';
export const enrolledAnswer = {
  ...{ agentId: 'agent', serverId: 'srv_1', checkinIntervalSeconds: 60 },
  checkinUrl: `${musterUrl}/v1/checkin`,
};
export const checkinAnswer = { nextCheckinSeconds: 60, link: 'taken', tasks: [] };

/** No request of these tests hangs. */
export const untimed = () => new AbortController().signal;

/** What one path answers, request by request; the last answer goes on. A number is a status without a body of Muster's. */
type Answers = readonly (object | number | string | null | 'cut')[];

export interface Scene {
  instanceId?: string;
  userData?: string;
  enroll?: Answers;
  checkin?: Answers;
  /** How often the agent waits before it is told to stop. */
  waits?: number;
  /** After how many waits somebody asks for a new key. */
  rotateAfter?: number;
  settings?: Settings;
  /** Called for every request to Muster, before it is answered. */
  onSend?: (path: string, body: string) => void;
  folder?: string;
  /** The agent's clock goes on while it waits. */
  timePasses?: boolean;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

const ofMuster = JSON.stringify({ muster: { url: musterUrl, grant: { id: 'lch_1', seed: 'A'.repeat(43) } } });

/** One run of the agent, with the network and the time in its place. */
export async function run(scene: Scene) {
  const requests: { path: string; headers: Headers; body: string }[] = [];
  const waited: number[] = [];
  const said: string[] = [];
  /** The time limits in seconds, by the signals that end the requests. */
  const limits = new Map<AbortSignal, number>();
  const { fetch, turns } = network(scene, requests, limits);
  let toRotate = true;
  const options: AgentPorts = {
    settings: scene.settings,
    state: openStateFolder(scene.folder ?? newFolder()),
    metadataEndpoint: 'http://imds.example',
    describe: () => ({
      version: '0.1.0',
      os: 'linux',
      osVersion: '13',
      arch: 'arm64',
      hostname: 'web-1',
      bootId: 'b0',
    }),
    newId: () => `jti-${requests.length}`,
    randomBytes,
    random: () => 0.5,
    now: () => Date.parse('2026-11-02T10:00:30Z') + (scene.timePasses ? 1000 * sum(waited) : 0),
    fetch: scene.onSend ? watched(fetch, scene.onSend) : fetch,
    timeout: (seconds) => {
      const signal = untimed();
      limits.set(signal, seconds);
      return signal;
    },
    wait: async (seconds) => void waited.push(seconds),
    stopped: () => waited.length >= (scene.waits ?? 3),
    rotationAsked: () => {
      const asked = toRotate && waited.length >= (scene.rotateAfter ?? Number.POSITIVE_INFINITY);
      if (asked) toRotate = false;
      return asked;
    },
    say: (line) => said.push(line),
  };
  const outcome = await runAgent(options);
  const sent = (path: string) => requests.filter((request) => request.path === path);
  const links = () => sent('checkin').map(({ body }) => linksIn(body));
  return { outcome, waited, said, sent, links, turns, folder: options.state.path };
}

const linksIn = (body: string): { link: string; previousLink: string | null } => {
  const { link, previousLink } = JSON.parse(body);
  return { link, previousLink };
};

const watched =
  (fetch: typeof globalThis.fetch, onSend: NonNullable<Scene['onSend']>): typeof globalThis.fetch =>
  (input, init) => {
    const { host, pathname } = new URL(String(input));
    if (host !== 'imds.example') onSend(pathname.replace('/prod/v1/', ''), String(init?.body));
    return fetch(input, init);
  };

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-agent-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function network(
  scene: Scene,
  requests: { path: string; headers: Headers; body: string }[],
  limits: ReadonlyMap<AbortSignal, number>,
) {
  const turns = new Map<string, number>();
  const metadata: Record<string, string> = {
    '/latest/api/token': 'token',
    '/latest/meta-data/instance-id': scene.instanceId ?? 'i-0123456789abcdef0',
    '/latest/dynamic/instance-identity/document': '{}',
    '/latest/dynamic/instance-identity/rsa2048': 'MIIB',
    '/latest/user-data': scene.userData ?? ofMuster,
  };
  const next = (path: string, answers: Answers) => {
    const turn = turns.get(path) ?? 0;
    turns.set(path, turn + 1);
    return answers[Math.min(turn, answers.length - 1)];
  };
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const url = new URL(String(input));
    // A request without a limit could stop the agent for good.
    expect(limits.get(init?.signal as AbortSignal)).toBe(url.host === 'imds.example' ? 5 : 10);
    const page = url.host === 'imds.example' ? metadata[url.pathname] : undefined;
    if (page !== undefined) return new Response(page === '' ? 'none' : page, { status: page === '' ? 404 : 200 });
    const path = url.pathname.replace('/prod/v1/', '');
    // A redirect elsewhere would take the request, and what it proves, with it.
    expect(init?.redirect).toBe('error');
    requests.push({ path, headers: new Headers(init?.headers), body: String(init?.body) });
    return responseOf(next(path, (path === 'enroll' ? scene.enroll : scene.checkin) ?? [404]));
  };
  return { fetch, turns };
}

/** A problem has its status in it, as RFC 9457 wants; any other object is an answer. */
function responseOf(answer: Answers[number] | undefined): Response {
  if (answer === 'cut') throw new TypeError('fetch failed');
  if (typeof answer === 'number') return Response.json({ message: 'Service Unavailable' }, { status: answer });
  if (typeof answer === 'string') return new Response(answer);
  const status = answer && 'status' in answer && typeof answer.status === 'number' ? answer.status : 200;
  return Response.json(answer ?? null, { status });
}

export const problem = (code: string, status: number, facts: object = {}) => ({ code, status, title: code, ...facts });
