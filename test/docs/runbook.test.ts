import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Alarm {
  Type: string;
  Properties: { AlarmName: string; AlarmDescription: string };
}

const runbook = readFileSync('docs/runbook.md', 'utf8');
const sections = new Map(
  runbook.split(/^### /m).flatMap((part): [string, string][] => {
    const end = part.indexOf('\n');
    return end < 0 ? [] : [[part.slice(0, end), part.slice(end)]];
  }),
);

/** CloudFormation's own tags stay unread: no alarm's name or description has one. */
const alarms = ['infra/alarms.yml', 'infra/function-alarms.yml'].flatMap((file) => {
  const { Resources } = parse(readFileSync(file, 'utf8'), { merge: true, maxAliasCount: -1, logLevel: 'silent' }) as {
    Resources: Record<string, Alarm>;
  };
  return Object.values(Resources)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties: { AlarmName, AlarmDescription } }) => ({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the variable of serverless.yml
      name: AlarmName.replace('${sls:stage}', '<stage>'),
      section: /See docs\/runbook\.md, "([^"]+)"/.exec(AlarmDescription)?.[1] ?? '',
    }));
});

describe('docs/runbook.md', () => {
  it.each(alarms)('has the section that $name refers to, and names the alarm in it', ({ name, section }) => {
    expect([...sections.keys()]).toContain(section);
    expect(sections.get(section)).toContain(`\`${name}\``);
  });

  it('names no alarm that is not there', () => {
    const named = [...runbook.matchAll(/`(muster-<stage>-[a-z-]+)`/g)].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set(alarms.map(({ name }) => name)));
  });
});
