import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { Problem, problems } from '#shared/domain/problems.ts';
import { readAnchors } from '#shared/identity/anchor-file.ts';
import { type Anchors, awsAnchors, withTest } from '#shared/identity/anchors.ts';
import { parseRfc3339 } from '#shared/identity/timestamp.ts';
import { type DocumentProof, type VerifiedDocument, verifyDocument } from '#shared/identity/verify-document.ts';

/** The result of verifying a document, with the reasons. */
export type Verdict =
  | ({ verdict: 'accepted' } & VerifiedDocument)
  | { verdict: 'refused'; kind: Kind; code: string; title: string; detail: string; facts: object; todo: string };

/** The bytes of the files with the texts of the instance metadata service. */
export interface Evidence {
  kind: Kind;
  signature: Uint8Array;
  document?: Uint8Array | undefined;
}

type Kind = DocumentProof['kind'];

/** Checks the document as an enrollment at time `at` would, without policy: cryptography and document rules only. */
export function verdict(evidence: Evidence, anchors: Anchors, at: Date): Verdict {
  try {
    return { verdict: 'accepted', ...verifyDocument(proofOf(evidence), anchors, at) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { code, message: detail, facts } = error;
    const { title, todo } = problems[code];
    return { verdict: 'refused', kind: evidence.kind, code, title, detail, facts, todo };
  }
}

/** `muster identity`. A usage error is thrown: commander's own, or a Problem `usage`. */
export function identityCommand(): Command {
  const identity = new Command('identity').description('Work with instance identity documents.').exitOverride();
  identity
    .command('verify')
    .description('Verify an instance identity document offline. Exit code 0: accepted, 4: refused.')
    .addOption(kindOption())
    .option('--document <file>', 'what IMDS returned as document; with iid-rsa2048 optional')
    .requiredOption('--signature <file>', 'what IMDS returned as rsa2048, or as signature for iid-rsa')
    .option('--at <time>', 'judge the times of the document as of this moment, RFC 3339 in UTC')
    .option('--anchors <file>', 'take the keys in this file as test anchors, beside AWS’s')
    .action((options: VerifyOptions) => verifyFiles(options, new Date()));
  return identity;
}

interface VerifyOptions {
  kind: Kind;
  signature: string;
  document?: string;
  at?: string;
  anchors?: string;
}

function kindOption(): Option {
  const option = new Option('--kind <kind>', 'which of the two signatures IMDS gives');
  return option.choices(['iid-rsa2048', 'iid-rsa']).makeOptionMandatory();
}

function verifyFiles(options: VerifyOptions, now: Date): void {
  const { kind } = options;
  if (kind === 'iid-rsa' && options.document === undefined) throw usage('With --kind iid-rsa, --document is needed.');
  const at = options.at === undefined ? now : parseRfc3339(options.at);
  if (!at) throw usage('--at is no RFC 3339 time in UTC, such as 2026-11-02T10:00:00Z.');
  const anchors = options.anchors === undefined ? awsAnchors() : withTestFile(options.anchors);
  const document = options.document === undefined ? undefined : read(options.document);
  const result = verdict({ kind, signature: read(options.signature), document }, anchors, at);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  process.exitCode = result.verdict === 'accepted' ? 0 : 4;
}

function withTestFile(path: string): Anchors {
  const bytes = read(path);
  try {
    return withTest(awsAnchors(), readAnchors(JSON.parse(bytes.toString('utf8'))));
  } catch (error) {
    throw usage(
      `${path} holds no usable anchors${error instanceof Problem ? `: ${error.message}` : ': it is not JSON.'}`,
    );
  }
}

/** The texts in the files, unchanged. A document that is not UTF-8 is refused, because an agent cannot send it. */
function proofOf({ kind, signature, document }: Evidence): DocumentProof {
  const text = document && textOf(document);
  const base64 = Buffer.from(signature).toString('latin1');
  if (kind === 'iid-rsa2048') return { kind, rsa2048: base64, document: text };
  return { kind, document: text ?? '', signature: base64 };
}

function textOf(document: Uint8Array): string {
  if (!isUtf8(document)) throw new Problem('malformed_document', 'The document is not valid UTF-8.');
  return Buffer.from(document).toString('utf8');
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw usage(`${path} cannot be read.`);
  }
}

function usage(detail: string): Problem {
  return new Problem('usage', detail);
}
