import { it as property } from '@fast-check/vitest';
import * as fc from 'fast-check';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { renderXml } from '#local/aws/ec2/xml.ts';

describe('renderXml', () => {
  it('makes elements of members and items of lists, and leaves out what is undefined', () => {
    const value = { a: 1, b: true, c: [{ d: 'x' }, 'y'], e: undefined, f: '', g: new Date(0) };
    expect(renderXml('r', value, ' v="1"')).toBe(
      '<r v="1"><a>1</a><b>true</b><c><item><d>x</d></item><item>y</item></c><f></f><g>1970-01-01T00:00:00.000Z</g></r>',
    );
  });

  property.prop([fc.string({ unit: 'binary' })])('lets no text out of its element', (text) => {
    const parser = new XMLParser({ parseTagValue: false, trimValues: false, htmlEntities: true });
    const read = parser.parse(renderXml('r', { text, after: 'x' })) as { r: { text: string; after: string } };
    expect(read.r.after).toBe('x');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML cannot carry them
    expect(read.r.text).toBe(text.toWellFormed().replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, ''));
  });
});
