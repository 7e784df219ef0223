/** Finds eight or more equal lines in two places of the product. Imports, comments, blank lines and indentation do not count. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const length = 8;

interface Line {
  number: number;
  text: string;
}

/** The lines of code. Comments and imports become blank first, so that the line numbers stay. */
function codeLines(source: string): Line[] {
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, '');
  return source
    .replaceAll(/^import [^;]*;$/gm, blank)
    .replaceAll(/\/\*\*?[\s\S]*?\*\//g, blank)
    .split('\n')
    .map((text, index) => ({ number: index + 1, text: text.trim() }))
    .filter(({ text }) => text !== '' && !text.startsWith('//'));
}

const files = execFileSync('git', ['ls-files', 'functions', 'shared', 'agent', 'cli', 'protocol'], {
  encoding: 'utf8',
});
const seen = new Map<string, string>();
const copies: string[] = [];
for (const path of files.split('\n').filter((name) => name.endsWith('.ts'))) {
  const lines = codeLines(readFileSync(path, 'utf8'));
  let reported = 0;
  lines.slice(0, 1 - length).forEach(({ number }, start) => {
    const text = lines
      .slice(start, start + length)
      .map((line) => line.text)
      .join('\n');
    const first = seen.get(text);
    if (first === undefined) seen.set(text, `${path}:${number}`);
    else if (start >= reported) {
      copies.push(`${path}:${number} repeats ${first}`);
      reported = start + length;
    }
  });
}
console.log(copies.join('\n'));
process.exitCode = copies.length === 0 ? 0 : 1;
