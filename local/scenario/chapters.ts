import { RebootInstancesCommand, StopInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import type { InstanceKey } from '#shared/domain/instance/instance.ts';
import {
  agentEnrolled,
  agentRefused,
  agentSettings,
  agentsWord,
  createKey,
  inState,
  instanceOf,
  launchServer,
  loseEvents,
  runDirectly,
  shown,
  stepsTold,
  stopAndStart,
} from './acts.ts';
import type { ShownServer, Stage } from './stage.ts';

/** One instance's story. It resolves when EC2 and the agent have done their part; what Muster makes of it is judged after. */
export interface Chapter {
  name: string;
  play: (stage: Stage) => Promise<InstanceKey>;
  /** What an instance without an enrolled agent ends as, by the rules. */
  otherwise: { management: string; reason: string } | 'no record';
  /** Looks at one thing more: what it should be, by EC2 or the agent, and what Muster shows. */
  more?: (stage: Stage, key: InstanceKey) => Promise<{ expected: string; ended: string }>;
}

const discovered = { management: 'discovered-only', reason: 'deadline_passed' };
const launchedAnd = async (stage: Stage, name: string): Promise<{ server: ShownServer; key: InstanceKey }> => {
  const server = await launchServer(stage, name);
  const key = await instanceOf(stage, server);
  await agentEnrolled(stage, key);
  return { server, key };
};

/** A fleet of about a dozen: each shows one thing that Muster is for. */
export const chapters: readonly Chapter[] = [
  {
    name: 'launched, enrolled after the event',
    otherwise: discovered,
    more: agentsWord,
    play: async (stage) => (await launchedAnd(stage, 'web-1')).key,
  },
  {
    name: 'launched, enrolled before the event',
    otherwise: discovered,
    async play(stage) {
      const server = await launchServer(stage, 'web-2', { tags: { [stage.settings.eventsTag]: 'late' } });
      const key = await instanceOf(stage, server);
      await agentEnrolled(stage, key);
      return key;
    },
  },
  {
    name: 'launched past Muster from a plain image',
    otherwise: discovered,
    more: stepsTold,
    play: (stage) => runDirectly(stage, { image: stage.settings.plainImage }),
  },
  {
    name: 'enrolled with an enrollment key',
    otherwise: discovered,
    async play(stage) {
      const grant = await createKey(stage);
      const key = await runDirectly(stage, {
        image: stage.settings.agentImage,
        grant,
        tags: { [stage.settings.eventsTag]: 'twice' },
      });
      await agentEnrolled(stage, key);
      return key;
    },
  },
  {
    name: 'enrolled before anyone saw it',
    otherwise: discovered,
    async play(stage) {
      const grant = await createKey(stage);
      const tags = { [stage.settings.eventsTag]: 'lost' };
      const key = await runDirectly(stage, { image: stage.settings.agentImage, grant, tags });
      await agentEnrolled(stage, key);
      return key;
    },
  },
  {
    name: 'enrolled late, after discovered-only',
    otherwise: discovered,
    async play(stage) {
      const key = await runDirectly(stage, { image: stage.settings.plainImage });
      await inState(stage, key, 'running');
      await stage.until(
        'it is discovered-only',
        async () => (await shown(stage, key))?.management === 'discovered-only' || undefined,
      );
      const grant = await createKey(stage, { instanceIds: [key.instanceId] });
      await stage.install(key, agentSettings(stage, grant));
      await agentEnrolled(stage, key);
      return key;
    },
  },
  {
    name: 'events lost, found by the sweep',
    otherwise: discovered,
    play: (stage) =>
      runDirectly(stage, { image: stage.settings.plainImage, tags: { [stage.settings.eventsTag]: 'lost' } }),
  },
  {
    name: 'enrolled, its end lost, found by the sweep',
    otherwise: discovered,
    async play(stage) {
      const { key } = await launchedAnd(stage, 'batch-1');
      await inState(stage, key, 'running');
      await loseEvents(stage, key);
      await stage.ec2(key.account, key.region).send(new StopInstancesCommand({ InstanceIds: [key.instanceId] }));
      await inState(stage, key, 'stopped');
      return key;
    },
  },
  {
    name: 'a start that failed',
    otherwise: { management: 'pending', reason: 'start_failed' },
    async play(stage) {
      const { account, secondRegion } = stage.settings;
      stage.failNextLaunch(account, secondRegion);
      const key = await instanceOf(stage, await launchServer(stage, 'gpu-1', { region: secondRegion }));
      await inState(stage, key, 'terminated');
      return key;
    },
  },
  {
    name: 'stopped and started',
    otherwise: discovered,
    async play(stage) {
      const { key } = await launchedAnd(stage, 'db-1');
      await inState(stage, key, 'running');
      await stopAndStart(stage, key);
      return key;
    },
  },
  {
    name: 'rebooted',
    otherwise: discovered,
    async play(stage) {
      const { key } = await launchedAnd(stage, 'db-2');
      await inState(stage, key, 'running');
      await stage.ec2(key.account, key.region).send(new RebootInstancesCommand({ InstanceIds: [key.instanceId] }));
      await stage.until('it has rebooted', () => stage.truth(key)?.reboots === 1 || undefined);
      return key;
    },
  },
  {
    name: 'terminated by an operator',
    otherwise: discovered,
    async play(stage) {
      const { server, key } = await launchedAnd(stage, 'old-1');
      await inState(stage, key, 'running');
      await stage.until('it may be terminated', async () => {
        await stage.api('POST', `/v1/servers/${server.id}/terminate`);
        return true;
      });
      await inState(stage, key, 'terminated');
      return key;
    },
  },
  {
    name: 'terminated before anyone enrolled',
    otherwise: { management: 'pending', reason: 'ended_unenrolled' },
    async play(stage) {
      const key = await runDirectly(stage, { image: stage.settings.plainImage });
      await inState(stage, key, 'running');
      await stage.ec2(key.account, key.region).send(new TerminateInstancesCommand({ InstanceIds: [key.instanceId] }));
      await inState(stage, key, 'terminated');
      return key;
    },
  },
  {
    name: 'found although one zone of its Region is down',
    otherwise: discovered,
    async play(stage) {
      const { homeRegion: region, plainImage: image } = stage.settings;
      const revive = stage.killZone(region);
      try {
        const key = await runDirectly(stage, { image, region });
        await stage.until('it is described', async () => ((await shown(stage, key))?.facts ? true : undefined));
        return key;
      } finally {
        revive();
      }
    },
  },
  {
    name: 'an agent with a key for other instances',
    otherwise: discovered,
    async play(stage) {
      const grant = await createKey(stage, { regions: [stage.settings.secondRegion] });
      const key = await runDirectly(stage, { image: stage.settings.agentImage, grant });
      await agentRefused(stage, key);
      return key;
    },
  },
  {
    name: 'an agent with a foreign document',
    otherwise: 'no record',
    async play(stage) {
      const grant = await createKey(stage);
      const key = await runDirectly(stage, {
        account: stage.settings.foreignAccount,
        image: stage.settings.agentImage,
        grant,
      });
      await agentRefused(stage, key);
      return key;
    },
  },
];
