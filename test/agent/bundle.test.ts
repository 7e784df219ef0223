import { build } from 'esbuild';
import { expect, it } from 'vitest';

it('contains files of agent/ and protocol/ and no other', async () => {
  const { metafile } = await build({
    ...{ entryPoints: ['agent/main.ts'], bundle: true, platform: 'node', format: 'esm', write: false, metafile: true },
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((path) => !/^(?:agent|protocol)\//.test(path))).toEqual([]);
  expect(inputs.length).toBeGreaterThan(10);
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  expect(imports.filter((path) => !path.startsWith('node:'))).toEqual([]);
});
