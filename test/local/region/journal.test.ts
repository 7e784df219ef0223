import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JournaledMap } from '#local/region/journal.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  path = join(folder, 'journal.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a process finds that opens the journal after another was killed. */
function reopened(): [string, unknown][] {
  const map = JournaledMap.open(path);
  map.close();
  return [...map];
}

const change = fc.oneof(
  fc.record({ set: fc.constantFrom('a', 'b', 'ü', '"'), value: fc.jsonValue() }),
  fc.record({ delete: fc.constantFrom('a', 'b', 'ü', '"') }),
);

describe('a journaled map', () => {
  it('holds after a kill at any byte exactly what it held after its last whole line', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), fc.nat(), (changes, anywhere) => {
        rmSync(path, { force: true });
        const map = JournaledMap.open<unknown>(path);
        const states = [{ bytes: 0, entries: [] as [string, unknown][] }];
        for (const made of changes) {
          if ('set' in made) map.set(made.set, made.value);
          else map.delete(made.delete);
          states.push({ bytes: statSync(path).size, entries: [...map] });
        }
        map.close();
        const bytes = readFileSync(path);
        const cut = anywhere % (bytes.length + 1);
        writeFileSync(path, bytes.subarray(0, cut));
        const last = states.findLast((state) => state.bytes <= cut);
        expect(JSON.stringify(reopened())).toBe(JSON.stringify(last?.entries));
      }),
    );
  });

  it('goes on after a torn line as if it had never been', () => {
    writeFileSync(path, '["a",1]\n["b",2');
    const map = JournaledMap.open<number>(path);
    map.set('c', 3);
    map.close();
    expect(reopened()).toEqual([
      ['a', 1],
      ['c', 3],
    ]);
  });

  it('keeps its size in bounds and loses nothing by it', () => {
    const map = JournaledMap.open<number>(path);
    for (let n = 0; n < 5000; n++) map.set(`key ${n % 7}`, n);
    map.delete('key 0');
    const held = [...map];
    map.close();
    expect(readFileSync(path, 'utf8').split('\n').length).toBeLessThan(1100);
    expect(reopened()).toEqual(held);
    expect(held.length).toBe(6);
  });

  it('takes no notice of a rewrite that a kill interrupted', () => {
    writeFileSync(path, '["a",1]\n');
    writeFileSync(`${path}.new`, '["a');
    expect(reopened()).toEqual([['a', 1]]);
  });

  it('refuses a file that is no journal, and says which line', () => {
    writeFileSync(path, '["a",1]\nnonsense\n["b",2]\n');
    expect(() => JournaledMap.open(path)).toThrow('Line 2');
    writeFileSync(path, '{"a":1}\n');
    expect(() => JournaledMap.open(path)).toThrow('Line 1');
  });

  it('is empty after clear, also when opened again', () => {
    const map = JournaledMap.open<number>(path);
    map.set('a', 1).set('b', 2).clear();
    map.close();
    expect(existsSync(path)).toBe(true);
    expect(reopened()).toEqual([]);
  });
});
