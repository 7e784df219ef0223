/** What an enrollment may show, the strongest first. `sts` carries a 2048-bit document as well. */
export const proofKinds = ['sts', 'iid-rsa2048', 'iid-rsa'] as const;
export type ProofKind = (typeof proofKinds)[number];
