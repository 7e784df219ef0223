/** A block of code in Markdown, at any indentation; or a command of ours within a sentence. */
const code =
  /^(?<indent> *)```(?<language>\w*)\n(?<block>[\s\S]*?)^\k<indent>```$|`(?<inline>npx (?:muster|serverless) [^`\n]+)`/gm;

/** A line, with those that it goes on in: after a backslash, or up to the word that ends its here-document. */
const command = /^(?:.*<<'(?<end>\w+)'\n[\s\S]*?\n\k<end>|(?:.*\\\n)*.+)$/gm;

/**
 * The commands of a page as they stand there, in its order: of each `sh` block every one, of the sentences each `npx muster …`
 * and `npx serverless …` that no command before it was.
 */
export function commandsOf(markdown: string): string[] {
  const commands: string[] = [];
  for (const { groups = {} } of markdown.matchAll(code)) {
    const { indent = '', language, block = '', inline } = groups;
    if (language === 'sh') commands.push(...commandsIn(block.replaceAll(new RegExp(`^${indent}`, 'gm'), '')));
    if (inline !== undefined && !commands.includes(inline)) commands.push(inline);
  }
  return commands;
}

const commandsIn = (block: string): string[] => [...block.matchAll(command)].map(([text]) => text);
