import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import makeResources from '../../infra/function-resources.cjs';

interface Alarm {
  AlarmName: string;
  AlarmDescription: string;
}

const runbook = readFileSync('docs/runbook.md', 'utf8');
const sections = new Map(
  runbook.split(/^### /m).flatMap((part): [string, string][] => {
    const end = part.indexOf('\n');
    return end < 0 ? [] : [[part.slice(0, end), part.slice(end)]];
  }),
);

interface Template {
  Resources: Record<string, { Type: string; Properties: object }>;
}

const stage = '<stage>';
const made = await makeResources({ resolveVariable: async () => stage });
/** Only names and descriptions are read, and no CloudFormation tag is in one. */
const written = parse(readFileSync('infra/alarms.yml', 'utf8'), {
  merge: true,
  maxAliasCount: -1,
  logLevel: 'silent',
}) as Template;

const alarms = [made.template, written].flatMap(({ Resources }) =>
  Object.values(Resources)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties }) => {
      const { AlarmName, AlarmDescription } = Properties as Alarm;
      return {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the variable of serverless.yml
        name: AlarmName.replace('${sls:stage}', stage),
        section: /See docs\/runbook\.md, "([^"]+)"/.exec(AlarmDescription)?.[1] ?? '',
      };
    }),
);

describe('docs/runbook.md', () => {
  it.each(alarms)('has the section that $name refers to, and names the alarm in it', ({ name, section }) => {
    expect([...sections.keys()]).toContain(section);
    expect(sections.get(section)).toContain(`\`${name}\``);
  });

  it('names no alarm that is not there', () => {
    const named = [...runbook.matchAll(/`(muster-<stage>-[a-z0-9-]+)`/g)].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set(alarms.map(({ name }) => name)));
  });
});
