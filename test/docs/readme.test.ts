import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import makeResources from '../../infra/function-resources.cjs';

const readme = readFileSync('README.md', 'utf8');
const picture = /```mermaid\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
/** The functions as serverless reads them; the names of resources play no part. */
const service = await makeResources({ resolveVariable: async () => 'dev' });

describe('README', () => {
  it('shows every function of infra/functions.cjs in its picture, and no other', () => {
    const drawn = new Set(
      picture.match(/\b(?:on[A-Z]\w+|verify|tick|sweep|sweepRegion|enroll|checkin|launch|operator[A-Z]\w+)\b/g),
    );
    expect([...drawn].sort()).toEqual(Object.keys(service.functions).sort());
  });

  it.each(Object.entries(service.functions))('draws what triggers %s', (name, { events }) => {
    const source = { sqs: '[(SQS)] -->', schedule: '([every', stream: '-- stream -->', httpApi: 'api -->' };
    const [kind = ''] = Object.keys(events[0] ?? {});
    const line = picture.split('\n').find((drawn) => new RegExp(`--> ${name}\\b`).test(drawn)) ?? '';
    expect(line).toContain(source[kind as keyof typeof source]);
  });

  it('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = '']) => path);
    expect(links.filter((path) => !existsSync(path))).toEqual([]);
    expect(links.length).toBeGreaterThan(5);
  });

  it('names folders that exist', () => {
    const folders = [...readme.matchAll(/^\| ((?:`[a-z/]+\/`(?:, )?)+)/gm)].flatMap(
      ([, names = '']) => names.match(/[a-z/]+\//g) ?? [],
    );
    expect(folders.filter((path) => !existsSync(path))).toEqual([]);
    expect(folders.length).toBeGreaterThan(8);
  });

  it('names scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm (?:-s )?(?:run ([a-z:]+)|(start|test)\b)/g)].map(
      ([, run, other]) => run ?? other,
    );
    expect(named).toContain('check:stack');
    expect(named.filter((name) => !(String(name) in scripts))).toEqual([]);
  });
});
