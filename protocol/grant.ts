/**
 * What a grant's signature covers: this deployment, this agent key and this enrollment request. A copied signature is useless
 * for any other (docs/design/enrollment.md, "grants").
 */
export function grantMessage(aud: string, thumbprint: string, jti: string): string {
  return ['muster-grant-v1', aud, thumbprint, jti].join('\n');
}
