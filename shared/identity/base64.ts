/** Node's decoder skips junk and stops at `=`; these read canonical text only: what re-encodes to itself. */

/** The bytes of plain base64 (RFC 4648 section 4), line breaks allowed as IMDS sends them; null for anything else. */
export function decodeBase64(text: string): Buffer | null {
  const unbroken = text.includes('\n') ? text.replace(/\r?\n/g, '') : text;
  const bytes = Buffer.from(unbroken, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === unbroken ? bytes : null;
}

/** The bytes of unpadded base64url (RFC 7515 section 2); null for anything else, the empty text included. */
export function decodeBase64Url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === text ? bytes : null;
}
