/** A table in GitHub's Markdown. Cells are Markdown; what would end a cell is escaped, in code too. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

export const code = (text: string): string => `\`${text}\``;

export const json = (value: unknown): string => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;

/** The first line of every generated page: whoever edits it by hand learns where to edit instead. */
export const madeFrom = (sources: string): string =>
  `<!-- Made by \`npm run docs\` from ${sources}. Edit those, not this. -->`;

/** Parts of a page with an empty line between them. */
export const page = (...parts: readonly string[]): string => `${parts.join('\n\n')}\n`;
