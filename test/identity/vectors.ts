import { readFileSync } from 'node:fs';
import { Problem } from '#shared/domain/problems.ts';
import { awsAnchors } from '#shared/identity/anchors.ts';
import type { DocumentProof } from '#shared/identity/verify-document.ts';

/** A genuine AWS signature, as people have published it in test suites and issue threads on GitHub, 2016 to 2026. */
export interface Vector {
  kind: 'rsa2048' | 'signature' | 'pkcs7';
  region: string;
  accountId: string;
  instanceId: string;
  pendingTime: string;
  document: string;
  signature: string;
}

const file = new URL('../fixtures/identity-vectors.json', import.meta.url);
export const vectors: readonly Vector[] = JSON.parse(readFileSync(file, 'utf8'));

export const aws = awsAnchors();

/** Later than every vector. */
export const now = new Date('2026-11-23T12:00:00Z');

export function ofKind(kind: Vector['kind']): Vector[] {
  return vectors.filter((vector) => vector.kind === kind);
}

export function rsa2048Proof(rsa2048: string, document?: string): DocumentProof {
  return { kind: 'iid-rsa2048', rsa2048, document };
}

export function rsaProof(document: string, signature: string): DocumentProof {
  return { kind: 'iid-rsa', document, signature };
}

/** The Problem that `run` throws; anything else thrown, or nothing, fails the test. */
export function refusal(run: () => unknown): Problem {
  try {
    run();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The same for what refuses later. */
export async function refusalOf(run: () => Promise<unknown>): Promise<Problem> {
  const problem = await run().then(
    () => undefined,
    (error: unknown) => error,
  );
  if (problem instanceof Problem) return problem;
  throw problem ?? new Error('nothing was refused');
}

/** Every copy of `bytes` in which one bit differs, with its place. */
export function* bitFlips(bytes: Uint8Array): Generator<{ place: string; flipped: Buffer }> {
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = bytes[at]! ^ (1 << bit);
      yield { place: `byte ${at}, bit ${bit}`, flipped };
    }
  }
}
