import { expect, it } from 'vitest';
import { rehearsalRefusal } from '#local/serverless-plugin/rehearsal.ts';

it('refuses any event source but EC2’s own without test anchors', () => {
  expect(rehearsalRefusal('muster.rehearsal', '')).toContain('muster.rehearsal');
  expect(rehearsalRefusal('aws.ec2.test', '')).toBeDefined();
});

it('lets EC2’s own source, and a rehearsal with test anchors, pass', () => {
  expect(rehearsalRefusal('aws.ec2', '')).toBeUndefined();
  expect(rehearsalRefusal('muster.rehearsal', '[{}]')).toBeUndefined();
});
