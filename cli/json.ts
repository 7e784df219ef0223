import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { Problem } from '#shared/domain/problems.ts';

/**
 * The JSON text in a file, or on standard input for `-`, unchanged. Throws Problem `usage`, which repeats nothing that was
 * given or read: it may be a secret.
 */
export async function readJsonText(option: string, file: string): Promise<string> {
  const bytes = await (file === '-' ? buffer(process.stdin) : readFile(file)).catch(() => {
    throw new Problem('usage', `${option} names no file that can be read; - is standard input.`);
  });
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    JSON.parse(text);
    return text;
  } catch {
    throw new Problem('usage', `What ${option} gives is not JSON in UTF-8.`);
  }
}

/**
 * Prints JSON for people and programs. JSON leaves as they are: C1 control characters, which would steer a terminal; format
 * characters, which hide text or turn it round; and separators of lines that are not ours.
 */
export function printJson(value: object): void {
  const text = JSON.stringify(value, null, 2);
  process.stdout.write(`${text.replace(/[\u007f-\u009f\p{Cf}\u2028\u2029]/gu, escaped)}\n`);
}

/** As JSON writes it; beyond U+FFFF that is a pair. */
const escaped = (sign: string): string =>
  sign
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
