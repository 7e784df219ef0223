/** What an answer is made of: members become elements, items of an array `<item>`s; what is undefined is left out. */
export type XmlValue = string | number | boolean | Date | undefined | readonly XmlValue[] | XmlElements;
export type XmlElements = { readonly [name: string]: XmlValue };

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#xD;',
};

/** Text for an element. Characters that XML 1.0 cannot carry at all (section 2.2) are dropped. */
function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to go
  const allowed = text.toWellFormed().replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '');
  return allowed.replace(/[&<>"'\r]/g, (character) => entities[character] ?? '');
}

/** One element. Names are ours and are not escaped. */
export function renderXml(name: string, value: XmlValue, attributes = ''): string {
  return value === undefined ? '' : `<${name}${attributes}>${renderContent(value)}</${name}>`;
}

function renderContent(value: Exclude<XmlValue, undefined>): string {
  if (typeof value === 'string') return escapeXml(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (isList(value)) return value.map((item) => renderXml('item', item)).join('');
  return Object.entries(value)
    .map(([name, member]) => renderXml(name, member))
    .join('');
}

const isList = (value: object): value is readonly XmlValue[] => Array.isArray(value);
