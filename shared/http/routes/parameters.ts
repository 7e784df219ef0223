import * as z from 'zod/mini';
import { account, instanceId, region } from '#shared/app/id-schemas.ts';
import { bytes32Pattern, recordIdPattern } from '#shared/domain/ids.ts';
import { type Instant, parseTime } from '#shared/domain/time.ts';

/** Parameters and body members that the routes of several nouns take. */

export const PairPath = z.object({ account, region });
export const InstancePath = z.object({ account, region, id: instanceId });
export const RecordPath = z.object({ id: z.string().check(z.regex(recordIdPattern)) });

/** The key of the instance that a path names. */
export const instanceKeyOf = ({ account, region, id }: z.output<typeof InstancePath>) => ({
  account,
  region,
  instanceId: id,
});

/** An RFC 3339 time. */
export const time = z.pipe(
  z.string().check(z.refine((text) => parseTime(text) !== undefined, 'is no RFC 3339 time')),
  z.transform((text): Instant => parseTime(text) ?? 0),
);

export const bytes32 = z.string().check(z.regex(bytes32Pattern));

/** At most fifty; none if left out. */
export const few = <T extends z.ZodMiniType>(item: T) => z._default(z.array(item).check(z.maxLength(50)), []);

/** Tags by name, as EC2 restricts them (AWSEC2/latest/UserGuide/Using_Tags.html): fifty at most, of plain characters. */
export const tagsNamed = (name: RegExp) =>
  z._default(
    z
      .record(tagText(1, 128).check(z.regex(name)), tagText(0, 256))
      .check(z.refine((tags) => Object.keys(tags).length <= 50, 'are more than fifty')),
    {},
  );

const tagText = (least: number, most: number) =>
  z.string().check(z.minLength(least), z.maxLength(most), z.regex(/^[\p{L}\p{N}\p{Zs}_.:/=+@-]*$/u));
