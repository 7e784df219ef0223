import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { Problem } from '#shared/domain/problems.ts';

/**
 * The JSON text in a file, or on standard input for `-`, unchanged. Throws Problem `usage`, which quotes neither the option nor the
 * text, because they may hold a secret.
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
 * Prints JSON for people and programs. Escapes three kinds of characters that JSON.stringify does not escape: C1 control
 * characters, which can control a terminal; format characters, which can hide or reverse text; and Unicode line separators.
 */
export function printJson(value: object): void {
  const text = JSON.stringify(value, null, 2);
  process.stdout.write(`${text.replace(/[\u007f-\u009f\p{Cf}\u2028\u2029]/gu, escaped)}\n`);
}

/** The JSON escape of a character; above U+FFFF a pair of escapes. */
const escaped = (sign: string): string =>
  sign
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
