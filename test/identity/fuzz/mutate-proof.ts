import type { Random } from '#local/random.ts';
import type { DocumentProof } from '#shared/identity/verify-document.ts';
import { mutateDocument, mutateObject, mutateText } from './mutations.ts';

/** A proof with its object, the text of its signature, or its document changed; most often its object. */
export function mutateProof(proof: DocumentProof, random: Random): DocumentProof {
  const choice = random();
  if (proof.document !== undefined && choice < 0.3) {
    return { ...proof, document: mutateDocument(proof.document, random) };
  }
  const signature = proof.kind === 'iid-rsa2048' ? proof.rsa2048 : proof.signature;
  const changed =
    choice < 0.4
      ? mutateText(signature, random)
      : mutateObject(Buffer.from(signature, 'base64'), random).toString('base64');
  return proof.kind === 'iid-rsa2048' ? { ...proof, rsa2048: changed } : { ...proof, signature: changed };
}
