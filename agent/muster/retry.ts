const retried: ReadonlySet<string> = new Set([
  ...['retry', 'busy', 'instance_not_described', 'instance_not_running', 'stale_document', 'document_from_future'],
  ...['clock_skew', 'internal', 'sts_unavailable'],
]);

/** May the agent send its enrollment again after a refusal with this code? Any other refusal is final until the instance changes. */
export const mayBeRetried = (code: string): boolean => retried.has(code);
