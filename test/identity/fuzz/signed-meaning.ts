import { type Element, readElement, writeElement } from './elements.ts';

/**
 * What an `rsa2048` object means once the freedoms of docs/attacks.md, "What may differ", are taken out of it: two objects that
 * may both be accepted have the same text. Null for an object of any other shape. Reads with elements.ts alone.
 */
export function signedMeaning(object: Buffer): string | null {
  const root = readElement(object);
  const [contentType, explicit, ...afterInfo] = inside(root, 0x30);
  const [signedData, ...afterData] = inside(explicit, 0xa0);
  const [version, digests, encapsulated, signers, ...afterSigners] = inside(signedData, 0x30);
  const [digest, ...otherDigests] = inside(digests, 0x31);
  const [eContentType, eContent, ...afterContent] = inside(encapsulated, 0x30);
  const [octets, ...afterOctets] = inside(eContent, 0xa0);
  const [signer, ...otherSigners] = inside(signers, 0x31);
  const extra = [afterInfo, afterData, afterSigners, otherDigests, afterContent, afterOctets, otherSigners].flat();
  const content = octets && joined(octets);
  const statement = signer && statementOf(signer);
  if (extra.length > 0 || !contentType || !version || !digest || !eContentType || !content || !statement) return null;
  const plain = [contentType, version, eContentType].map(hex);
  return [...plain, oneName(hex(digest)), content.toString('hex'), ...statement].join('/');
}

/** Everything of the SignerInfo as it stands, but for the names of algorithms that nothing signed protects. */
function statementOf(signer: Element): string[] | null {
  const parts = inside(signer, 0x30);
  if (parts.length !== 6 || signer.open) return null;
  const [version = '', name = '', digest = '', attributes = '', algorithm = '', signature = ''] = parts.map(hex);
  const isProtected = attributes.includes(algorithmProtection);
  const names = isProtected ? [digest, algorithm] : [oneName(digest), oneName(algorithm)];
  return [version, name, attributes, ...names, signature];
}

const algorithmProtection = '06092a864886f70d010934';

/** SHA-256 without and with NULL (RFC 5754 section 2); RSA with SHA-256 by either name (RFC 5754 section 3.2). */
function oneName(identifier: string): string {
  if (identifier === '300d06096086480165030402010500') return '300b0609608648016503040201';
  return identifier === '300d06092a864886f70d01010b0500' ? '300d06092a864886f70d0101010500' : identifier;
}

function joined({ tag, contents, open }: Element): Buffer | null {
  if (Buffer.isBuffer(contents)) return tag === 0x04 && !open ? contents : null;
  const pieces = contents.map((piece) =>
    piece.tag === 0x04 && Buffer.isBuffer(piece.contents) ? piece.contents : null,
  );
  const whole = pieces.filter((piece) => piece !== null && piece.length > 0);
  const isSound = tag === 0x24 && whole.length === contents.length && contents.length <= 16;
  return isSound ? Buffer.concat(whole as Buffer[]) : null;
}

function inside(element: Element | null | undefined, tag: number): Element[] {
  return element?.tag === tag && !Buffer.isBuffer(element.contents) ? element.contents : [];
}

const hex = (element: Element): string => writeElement(element).toString('hex');
