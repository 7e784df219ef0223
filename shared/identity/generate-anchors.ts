/**
 * Makes aws-anchors.generated.json: `node shared/identity/generate-anchors.ts certificates.json`. The argument holds AWS's
 * published certificates as a list of `{ "region", "type": "rsa2048"|"rsa"|"dsa", "pem" }`
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/regions-certs.html and its page for China). One anchor per line.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Anchor, readAnchors } from './anchor-file.ts';

const [certificates] = process.argv.slice(2);
if (certificates) {
  const anchors = readAnchors(JSON.parse(readFileSync(certificates, 'utf8'))).sort(byRegionAndKind);
  writeFileSync(new URL('aws-anchors.generated.json', import.meta.url), `[\n${anchors.map(line).join(',\n')}\n]\n`);
} else {
  process.stderr.write('Name the file that holds the certificates.\n');
  process.exitCode = 2;
}

function byRegionAndKind(one: Anchor, other: Anchor): number {
  return `${one.region} ${one.kind}` < `${other.region} ${other.kind}` ? -1 : 1;
}

function line({ region, kind, spki, signers, notAfter }: Anchor): string {
  return JSON.stringify({ regions: [region], kind, spki, ...(signers.length > 0 ? { signers } : {}), notAfter });
}
