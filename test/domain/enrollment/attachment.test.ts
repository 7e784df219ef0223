import { test } from '@fast-check/vitest';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Attachments, attachmentOf } from '#shared/domain/enrollment/attachment.ts';
import { clock } from '#test/build/an-instance.ts';

const attached: Attachments = {
  ...{ rootDeviceType: 'ebs', rootDeviceName: '/dev/xvda', rootVolumeId: 'vol-1' },
  ...{ rootAttachedAt: clock('10:00:06'), interfaceAttachedAt: clock('10:00:05') },
};
const moved = clock('11:00:00');

describe('root volume and first interface', () => {
  it.each<[string, Partial<Attachments>, ReturnType<typeof attachmentOf>]>([
    ['that came together are consistent', {}, 'consistent'],
    ['a minute apart are consistent', { rootAttachedAt: clock('10:01:05') }, 'consistent'],
    ['more than a minute apart are not', { rootAttachedAt: clock('10:01:05.001') }, 'root_moved'],
    ['of which the volume came later are not', { rootAttachedAt: moved }, 'root_moved'],
    ['of which the interface came later are not', { interfaceAttachedAt: moved }, 'root_moved'],
    ['of which the volume is not told are unknown', { rootAttachedAt: null }, 'root_unknown'],
    ['of which the interface is not told are unknown', { interfaceAttachedAt: null }, 'root_unknown'],
    ['of which the type is not told still have times', { rootDeviceType: null }, 'consistent'],
    [
      'in an instance store are that',
      { rootDeviceType: 'instance-store', rootAttachedAt: null },
      'instance_store_root',
    ],
  ])('%s', (_case, fields, outcome) => {
    expect(attachmentOf({ ...attached, ...fields })).toBe(outcome);
  });

  it('are unknown where nothing was told at all', () => {
    expect(attachmentOf(undefined)).toBe('root_unknown');
  });

  // Of an older version's item.
  it('are unknown where the members are missing', () => {
    expect(attachmentOf({} as Attachments)).toBe('root_unknown');
  });

  test.prop([fc.integer({ min: 1, max: 2e12 }), fc.integer({ min: -120_000, max: 120_000 })])(
    'are compared with each other, whenever that was',
    (interfaceAttachedAt, apart) => {
      const rootAttachedAt = Math.max(1, interfaceAttachedAt + apart);
      const outcome = attachmentOf({ ...attached, rootAttachedAt, interfaceAttachedAt });
      const together = Math.abs(rootAttachedAt - interfaceAttachedAt) <= 60_000;
      expect(outcome).toBe(together ? 'consistent' : 'root_moved');
    },
  );
});
