import { isIP } from 'node:net';
import { accountPattern, imageIdPattern, instanceIdPattern, regionPattern } from '#shared/domain/ids.ts';
import { Problem } from '../domain/problems.ts';
import { isJsonObject, parseStrictJson } from './strict-json.ts';
import { parseRfc3339 } from './timestamp.ts';

/** What an instance identity document says about the instance; other members may come and go unread. */
export interface InstanceDocument {
  accountId: string;
  region: string;
  instanceId: string;
  availabilityZone: string;
  imageId: string;
  instanceType: string;
  architecture: string;
  /** RFC 3339 UTC, whole seconds: the launch or the last start of the instance (docs/design/enrollment.md, "the signed document"). */
  pendingTime: string;
  privateIp: string | null;
}

/** Genuine documents have under 600 bytes; product codes may make them longer. */
const maxDocumentBytes = 4096;

const patterns = {
  accountId: accountPattern,
  region: regionPattern,
  instanceId: instanceIdPattern,
  availabilityZone: /^[a-z0-9-]{1,64}$/,
  imageId: imageIdPattern,
  instanceType: /^[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}$/,
  architecture: /^[a-z0-9_]{1,32}$/,
} as const;

/** Parses an identity document strictly: every member Muster reads has its one form. Throws `malformed_document` naming it. */
export function parseDocument(bytes: Uint8Array): InstanceDocument {
  if (bytes.length > maxDocumentBytes)
    throw new Problem('malformed_document', 'The document is too long.', { bytes: bytes.length });
  const members = parseStrictJson(bytes, 'malformed_document');
  if (!isJsonObject(members)) throw new Problem('malformed_document', 'The document is no JSON object.');
  const text = (member: keyof typeof patterns): string => {
    const value = members[member];
    if (typeof value !== 'string' || !patterns[member].test(value)) throw malformed(member);
    return value;
  };
  const region = text('region');
  return {
    accountId: text('accountId'),
    region,
    instanceId: text('instanceId'),
    availabilityZone: zone(text('availabilityZone'), region),
    imageId: text('imageId'),
    instanceType: text('instanceType'),
    architecture: text('architecture'),
    pendingTime: wholeSecond(members.pendingTime),
    privateIp: address(members.privateIp ?? null),
  };
}

/** `us-east-1a`, or a local or wavelength zone's longer name: `us-west-2-lax-1a`, `us-east-1-wl1-bos-wlz-1`. */
function zone(name: string, region: string): string {
  const rest = name.startsWith(region) ? name.slice(region.length) : '';
  if (!/^(?:[a-z]|(?:-[a-z0-9]+)+)$/.test(rest)) throw malformed('availabilityZone');
  return name;
}

function wholeSecond(time: unknown): string {
  if (typeof time !== 'string' || time.includes('.') || !parseRfc3339(time)) throw malformed('pendingTime');
  return time;
}

function address(text: unknown): string | null {
  if (text === null) return null;
  if (typeof text !== 'string' || text.includes('%') || isIP(text) === 0) throw malformed('privateIp');
  return text;
}

function malformed(member: string): Problem {
  return new Problem('malformed_document', `The document’s ${member} is missing or not of its form.`, { member });
}
