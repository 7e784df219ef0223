import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { random } from '#local/random.ts';
import { Problem } from '#shared/domain/problems.ts';
import { replayLines } from '../../cli/commands/replay.ts';
import { aNotification } from '../build/a-notification.ts';
import { aKey } from '../build/an-instance.ts';
import { usuallyStale } from '../simulation/timelines/answers.ts';
import { drawTimeline, eventsAlone, linesOf } from '../simulation/timelines/model.ts';
import { shuffle } from '../simulation/timelines/random.ts';

const { account, region, instanceId } = aKey;
const line = (observe: string, receivedAt: string, rest: object = {}) =>
  JSON.stringify({ case: 'c1', receivedAt: `2026-11-02T${receivedAt}Z`, observe, ...rest });
const event = (state: string, time: string, rest: object = {}) =>
  line('event', time, {
    event: aNotification({
      id: `${state}-${time}`,
      time: `2026-11-02T${time}Z`,
      detail: { 'instance-id': instanceId, state },
    }),
    ...rest,
  });
const sweep = (time: string, complete: boolean, instances: object[] = []) =>
  line('describe', time, { sentAt: `2026-11-02T${time}Z`, complete, account, region, instances });
const running = {
  InstanceId: instanceId,
  State: { Code: 16, Name: 'running' },
  LaunchTime: '2026-11-02T10:00:05.000Z',
};

type Summary = { case: string; instances: Record<string, unknown>[]; events: Record<string, unknown>[] };
const replay = async (lines: string[]): Promise<Summary[]> =>
  (await replayLines(lines)).map((text) => JSON.parse(text));
const only = async (...lines: string[]): Promise<Summary> => {
  const [summary] = await replay(lines);
  if (!summary) throw new Error('no case');
  return summary;
};

describe('a case', () => {
  it('is printed with its instances and its events', async () => {
    expect(await only(event('running', '10:00:21'), sweep('10:01:00', false, [running]))).toEqual({
      case: 'c1',
      instances: [
        {
          account,
          region,
          instanceId,
          state: 'running',
          epoch: '2026-11-02T10:00:05Z',
          at: '2026-11-02T10:00:21Z',
          verify: null,
          management: 'pending',
          inferred: false,
          warnings: [],
          questions: 0,
        },
      ],
      events: [
        {
          detailType: 'Instance State Changed',
          account,
          region,
          instanceId,
          serverId: null,
          state: 'running',
          at: '2026-11-02T10:00:21Z',
          inferred: false,
          sequence: 10,
        },
      ],
    });
  });

  it('tells why it is in doubt and since when', async () => {
    const { instances } = await only(event('running', '10:00:21'), event('stopped', '10:30:00'));
    expect(instances[0]?.verify).toEqual({ reason: 'illegal_step', since: '2026-11-02T10:30:00Z' });
  });

  it('fires deadlines by `time` alone', async () => {
    const late = [event('running', '10:00:21'), sweep('10:30:00', false, [running])];
    expect((await only(...late)).instances[0]?.management).toBe('pending');
    const marked = await only(...late, line('time', '10:15:21'), line('time', '10:40:00'));
    expect(marked.instances[0]?.management).toBe('discovered-only');
    expect(marked.events.map(({ detailType }) => detailType)).toEqual([
      'Instance State Changed',
      'Instance Discovered-Only',
    ]);
  });

  it('enrolls by `enroll`, seen or unseen, before or after its deadline', async () => {
    const unseen = await only(line('enroll', '10:02:00', aKey));
    expect(unseen.instances[0]).toMatchObject({ state: 'unknown', management: 'enrolled', epoch: null, at: null });
    const late = await only(event('running', '10:00:21'), line('time', '11:00:00'), line('enroll', '11:01:00', aKey));
    expect(late.instances[0]).toMatchObject({ state: 'running', management: 'enrolled' });
  });

  it('sets no state by `checkin`, and knows no instance by it alone', async () => {
    expect((await only(line('checkin', '10:00:00', aKey))).instances).toEqual([]);
    const { instances } = await only(event('stopped', '10:00:00'), line('checkin', '10:01:00', aKey));
    expect(instances[0]).toMatchObject({ state: 'stopped', verify: { reason: 'alive_when_ended' } });
  });

  it('takes absence only from whole sweeps, and only from two', async () => {
    const known = event('running', '10:00:21');
    const stateAfter = async (...sweeps: string[]) => (await only(known, ...sweeps)).instances[0];
    expect(await stateAfter(sweep('11:00:00', false), sweep('11:10:00', false))).toMatchObject({ state: 'running' });
    expect(await stateAfter(sweep('11:00:00', true))).toMatchObject({ state: 'running' });
    const gone = await stateAfter(sweep('11:00:00', true), sweep('11:10:00', true));
    expect(gone).toMatchObject({ state: 'terminated', inferred: true, at: '2026-11-02T11:00:00Z' });
  });

  it.each([
    ['without a state', { State: null }],
    ['in an unknown state', { State: { Name: 'rebooting' } }],
    ['without a LaunchTime', { LaunchTime: undefined }],
  ])('takes an instance %s as seen, and reads the others', async (_, fields) => {
    const other = { ...running, InstanceId: 'i-0fedcba9876543210' };
    const missed = (time: string) => sweep(time, true, [null as unknown as object, { ...running, ...fields }, other]);
    const seen = await only(sweep('10:01:00', true, [running]), missed('10:10:00'), missed('10:20:00'));
    expect(seen.instances).toMatchObject([
      { instanceId, state: 'running', inferred: false },
      { instanceId: other.InstanceId, state: 'running' },
    ]);
  });

  it('counts the questions to EC2: one for a doubt that lasts 30 seconds, none for a shorter one', async () => {
    const gap = [event('pending', '10:00:05'), event('stopping', '10:30:00')];
    const late = (receivedAt: string) => event('running', '10:00:21', { receivedAt: `2026-11-02T${receivedAt}Z` });
    expect((await only(...gap)).instances).toMatchObject([{ questions: 1 }]);
    expect((await only(...gap, late('10:30:20'))).instances).toMatchObject([{ questions: 0, verify: null }]);
    expect((await only(...gap, late('10:31:00'))).instances).toMatchObject([{ questions: 1, verify: null }]);
  });

  it('ignores an event that does not count', async () => {
    const forged = line('event', '10:00:22', { event: aNotification({ account: '999999999999' }) });
    expect(await only(forged)).toEqual({ case: 'c1', instances: [], events: [] });
  });
});

describe('cases', () => {
  it('keep to themselves, in the order in which they first appear', async () => {
    const lines = [
      event('running', '10:00:21', { case: 'b' }),
      event('pending', '10:00:05', { case: 'a' }),
      '',
      event('stopping', '11:00:00', { case: 'b' }),
    ];
    const summaries = await replay(lines);
    expect(summaries.map((summary) => [summary.case, summary.instances[0]?.state])).toEqual([
      ['b', 'stopping'],
      ['a', 'pending'],
    ]);
  });

  it('sort their instances by account, region and id', async () => {
    const enroll = (key: Partial<typeof aKey> | object) => line('enroll', '10:00:00', { ...aKey, ...key });
    const { instances } = await only(
      enroll({ region: 'us-west-2' }),
      enroll({ instanceId: 'i-0aaaaaaa' }),
      enroll({}),
      enroll({ account: '000000000001' }),
    );
    expect(instances.map((one) => `${one.account} ${one.region} ${one.instanceId}`)).toEqual([
      `000000000001 ${region} ${instanceId}`,
      `${account} ${region} ${instanceId}`,
      `${account} ${region} i-0aaaaaaa`,
      `${account} us-west-2 ${instanceId}`,
    ]);
  });

  it('come out the same however their lines are interleaved', async () => {
    const faults = { ...eventsAlone, staleness: usuallyStale, describes: 3, sweeps: 2, finalSweeps: 2, agent: true };
    const timelines = Array.from({ length: 200 }, (_, seed) => linesOf(drawTimeline(random(seed), `c${seed}`, faults)));
    const turns = shuffle(
      random(7),
      timelines.flatMap((lines, index) => lines.map(() => index)),
    );
    const rest = timelines.map((lines) => [...lines]);
    const interleaved = await replayLines(turns.map((index) => rest[index]?.shift() ?? ''));
    expect(interleaved.toSorted()).toEqual((await replayLines(timelines.flat())).toSorted());
    expect(interleaved).toHaveLength(200);
  });
});

describe('a bad line', () => {
  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['no case', JSON.stringify({ receivedAt: '2026-11-02T10:00:00Z', observe: 'time' })],
    ['no time', JSON.stringify({ case: 'c', observe: 'time' })],
    ['a time without a zone', JSON.stringify({ case: 'c', observe: 'time', receivedAt: '2026-11-02T10:00:00' })],
    ['an unknown observation', line('reboot', '10:00:00')],
    ['no event', line('event', '10:00:00')],
    ['an event that is text', line('event', '10:00:00', { event: 'running' })],
    [
      'a describe without `complete`',
      line('describe', '10:00:00', { sentAt: '2026-11-02T10:00:00Z', account, region, instances: [] }),
    ],
    ['a describe without `sentAt`', line('describe', '10:00:00', { complete: true, account, region, instances: [] })],
    [
      'a describe without `instances`',
      line('describe', '10:00:00', { sentAt: '2026-11-02T10:00:00Z', complete: true, account, region }),
    ],
    ['an act that is none', line('act', '10:00:00', { ...aKey, act: 'delete', by: 'an operator' })],
    ['an act of nobody', line('act', '10:00:00', { ...aKey, act: 'release' })],
    ['an account of eleven digits', line('enroll', '10:00:00', { ...aKey, account: '11112222333' })],
    ['a region that is none', line('checkin', '10:00:00', { ...aKey, region: 'mars' })],
    ['an instance id that is none', line('enroll', '10:00:00', { ...aKey, instanceId: 'i-1' })],
  ])('%s: is refused with its number', async (_, text) => {
    const refusal = await replayLines([line('time', '10:00:00'), '', text]).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Problem);
    expect(refusal).toMatchObject({
      code: 'bad_line',
      facts: { line: 3 },
      message: expect.stringContaining('line 3: '),
    });
  });
});

describe('an operator’s act', () => {
  const act = (word: string, time: string) =>
    line('act', time, { ...aKey, act: word, by: 'arn:aws:iam::111122223333:user/ops' });
  const enrolled = [event('running', '10:00:00'), line('enroll', '10:01:00', aKey)];
  const managements = (events: Summary['events']) =>
    events.filter(({ detailType }) => detailType === 'Instance Discovered-Only').map(({ reason, at }) => [reason, at]);

  it.each([
    ['release', 'released'],
    ['block', 'blocked'],
  ])('%s ends the enrollment, and is told', async (word, reason) => {
    const { instances, events } = await only(...enrolled, act(word, '10:02:00'), act(word, '10:03:00'));
    expect(instances).toMatchObject([{ management: 'discovered-only', state: 'running' }]);
    expect(managements(events)).toEqual([[reason, '2026-11-02T10:02:00Z']]);
  });

  it('unblock makes a blocked instance a released one', async () => {
    const { events } = await only(...enrolled, act('block', '10:02:00'), act('unblock', '10:03:00'));
    expect(managements(events).map(([reason]) => reason)).toEqual(['blocked', 'released']);
  });

  it('changes nothing where Muster would refuse it, and adopt changes no record by itself', async () => {
    const quiet = await only(event('running', '10:00:00'));
    const acts = ['release', 'block', 'unblock', 'adopt'].map((word) => act(word, '10:02:00'));
    expect(await only(event('running', '10:00:00'), ...acts)).toEqual(quiet);
    expect((await only(act('release', '10:00:00'))).instances).toEqual([]);
    const { instances } = await only(
      ...enrolled,
      act('release', '10:02:00'),
      act('adopt', '10:03:00'),
      line('enroll', '10:04:00', aKey),
    );
    expect(instances).toMatchObject([{ management: 'enrolled' }]);
  });
});

describe('the command', () => {
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const muster = (input: string, ...args: string[]) =>
    spawnSync(process.execPath, [main, 'replay', ...args], { input, encoding: 'utf8' });

  it('reads standard input and prints one line per case', async () => {
    const lines = [event('running', '10:00:21'), event('pending', '10:00:05', { case: 'c2' })];
    const { status, stdout, stderr } = muster(lines.join('\r\n'), '-');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(`${(await replayLines(lines)).join('\n')}\n`);
  });

  it('ends with 2 and one sentence at a bad line, and prints nothing else', () => {
    const { status, stdout, stderr } = muster(`${event('running', '10:00:21')}\n{"case":"c1"}\n`, '-');
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: 'muster: line 2: "receivedAt" is no RFC 3339 time\n',
    });
  });

  it('ends with 2 where there is no such file, or none is named', () => {
    expect(muster('', '/no/such/timeline')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^muster: the timeline cannot be read: ENOENT.*\n$/),
    });
    expect(muster('').status).toBe(2);
  });
});
