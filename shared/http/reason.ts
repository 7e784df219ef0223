import * as z from 'zod/mini';

/**
 * Why an operator asks for a change: 1 to 255 characters, counted as JSON Schema counts them, of one line. People read it in logs and
 * terminals, so neither control characters nor those that turn the direction of text are in it (unicode.org/reports/tr9, 2): of the
 * format characters only the two joiners, which some scripts need.
 */
export const reason = z.string().check(z.regex(/^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}\u200c\u200d]{1,255}$/u));

/** The member that every change by an operator may have (docs/design/control.md, "who, what and why"). */
export const why = { reason: z.optional(reason) };

/** What a change may say that needs nothing else. */
export const Why = z.strictObject(why);
