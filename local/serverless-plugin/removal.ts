/** The outputs that name what infra/ retains when the stack is removed. */
export const outputsThatStay = ['MainTableName', 'PrivateTableName', 'FailedRecordsBucketName'] as const;

/** What a person is told after a removal. */
export function whatStays(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  return [
    'Kept, with the record of your fleet in them:',
    ...names.map((name) => `  ${name}`),
    'Delete them by hand once nobody needs them. A new deployment makes new ones.',
  ];
}
