import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { verdict } from '../../cli/commands/identity.ts';
import { authority, document } from './object-parts.ts';
import { aws, now, vectors } from './vectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'muster-identity-'));
afterAll(() => rmSync(folder, { recursive: true }));

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** Writes a file into the test's folder and answers its path. */
function file(name: string, contents: string | Uint8Array): string {
  writeFileSync(join(folder, name), contents);
  return join(folder, name);
}

function muster(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'identity', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const genuine = vectors[0]!;
const signature = file('rsa2048', genuine.signature);
const own = authority.sign(document, new Date('2026-11-02T10:00:09Z'));
const rsa2048 = ['verify', '--kind', 'iid-rsa2048'];

describe('muster identity verify', () => {
  it('accepts a genuine object: exit code 0', () => {
    const { status, stdout, stderr } = muster(
      ...rsa2048,
      '--signature',
      signature,
      '--document',
      file('document', genuine.document),
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'accepted',
      kind: 'iid-rsa2048',
      document: { instanceId: genuine.instanceId },
    });
  });

  it('refuses by code: exit code 4, nothing on stderr', () => {
    const { status, stdout, stderr } = muster(
      ...rsa2048,
      '--signature',
      signature,
      '--document',
      file('edited', `${genuine.document}\n`),
    );
    expect([status, stderr]).toEqual([4, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'refused',
      code: 'document_mismatch',
      facts: { sentBytes: 469 },
    });
  });

  it('accepts a test authority’s object with its anchors, and not without', () => {
    const ours = file('own', own.rsa2048);
    expect(
      muster(...rsa2048, '--signature', ours, '--anchors', file('anchors', JSON.stringify(authority.anchors))).status,
    ).toBe(0);
    expect(JSON.parse(muster(...rsa2048, '--signature', ours).stdout).code).toBe('untrusted_signer');
  });

  it('judges times as of --at', () => {
    const { status, stdout } = muster(...rsa2048, '--signature', signature, '--at', '2017-12-29T05:00:00Z');
    expect([status, JSON.parse(stdout).code]).toEqual([4, 'document_from_future']);
  });

  it.each([
    ['no kind', ['verify', '--signature', signature]],
    ['another kind', ['verify', '--kind', 'pkcs7', '--signature', signature]],
    ['no signature', rsa2048],
    ['no document for iid-rsa', ['verify', '--kind', 'iid-rsa', '--signature', signature]],
    ['a file that is not there', [...rsa2048, '--signature', join(folder, 'missing')]],
    ['a folder for a file', [...rsa2048, '--signature', folder]],
    ['a time that is none', [...rsa2048, '--signature', signature, '--at', 'yesterday']],
    ['anchors that are no JSON', [...rsa2048, '--signature', signature, '--anchors', signature]],
    ['anchors of another shape', [...rsa2048, '--signature', signature, '--anchors', file('shape', '{}')]],
    ['an option too many', [...rsa2048, '--signature', signature, '--force']],
  ])('says in one line that it does not understand %s: exit code 2', (_, args) => {
    const { status, stdout, stderr } = muster(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^[^\n]+\n$/);
  });
});

describe('verdict', () => {
  it.each(vectors)('is right about the $kind form of $instanceId', ({ kind, document: text, signature: base64 }) => {
    const evidence = {
      kind: kind === 'signature' ? 'iid-rsa' : 'iid-rsa2048',
      signature: Buffer.from(base64),
      document: Buffer.from(text),
    } as const;
    const result = verdict(evidence, aws, now);
    expect('code' in result ? result.code : result.verdict).toBe(
      kind === 'pkcs7' ? 'unsupported_signature' : 'accepted',
    );
  });

  it.each([
    ['is no UTF-8', Uint8Array.from([0x7b, 0xff])],
    ['has a byte order mark', Buffer.from(`\uFEFF${document}`)],
    ['is empty', new Uint8Array()],
  ])('is malformed_document when the document %s', (_, bytes) => {
    const result = verdict({ kind: 'iid-rsa', signature: Buffer.from(own.signature), document: bytes }, aws, now);
    expect(result).toMatchObject({ verdict: 'refused', code: 'malformed_document' });
  });

  it('is malformed_signature when the signature is no text', () => {
    const result = verdict({ kind: 'iid-rsa2048', signature: Buffer.from(own.rsa2048, 'base64') }, aws, now);
    expect(result).toMatchObject({ verdict: 'refused', code: 'malformed_signature' });
  });

  it('never repeats the document or the signature', () => {
    const result = verdict(
      { kind: 'iid-rsa2048', signature: Buffer.from(own.rsa2048), document: Buffer.from(document) },
      aws,
      now,
    );
    expect(JSON.stringify(result)).not.toContain('111122223333');
  });
});
