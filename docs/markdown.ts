/** A table in GitHub's Markdown, its columns aligned. Cells are Markdown; a bar inside a cell is escaped, also in code. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [first = [], ...others] = cells;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n');
}

export const code = (text: string): string => `\`${text}\``;

/** JSON as it is laid out elsewhere in the repository: short lists stay on one line. */
export function json(value: unknown): string {
  const text = JSON.stringify(value, null, 2).replaceAll(/\[\n([^[\]{}]*?)\n\s*\]/g, (list: string, items: string) => {
    const short = `[${items.trim().replaceAll(/,\n\s*/g, ', ')}]`;
    return short.length <= mostInLine ? short : list;
  });
  return `\`\`\`json\n${text}\n\`\`\``;
}

const mostInLine = 80;

/** The first line of every generated page: it says which files to edit instead. */
export const madeFrom = (sources: string): string =>
  `<!-- Made by \`npm run docs\` from ${sources}. Edit those, not this. -->`;

/** Parts of a page with an empty line between them. */
export const page = (...parts: readonly string[]): string => `${parts.join('\n\n')}\n`;
