import { type Authority, createAuthority, newAuthorityKeys } from '#local/aws/identity/authority.ts';
import { type Anchors, loadAnchors } from '#shared/identity/anchors.ts';
import { regions } from './places.ts';

let made: { authority: Authority; anchors: Anchors } | undefined;

/** One authority for the life of the process: which keys it has decides nothing, and new ones take their time. */
function shared(): { authority: Authority; anchors: Anchors } {
  if (!made) {
    const authority = createAuthority(regions, newAuthorityKeys());
    const anchors = loadAnchors({ test: authority.anchors, ec2Endpoint: 'http://127.0.0.1' });
    made = { authority, anchors };
  }
  return made;
}

export const testAnchors = (): Anchors => shared().anchors;

type Signed = ReturnType<Authority['sign']>;

const signed = new Map<string, Signed>();
const mostKept = 1000;

/** What instance metadata serves about a document: it signs each document once and says when. */
export function signDocument(document: string, at: Date): Signed {
  const known = signed.get(document) ?? shared().authority.sign(document, at);
  if (signed.size >= mostKept) signed.clear();
  signed.set(document, known);
  return known;
}
