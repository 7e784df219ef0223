import { randomBytes } from 'node:crypto';

/** An id that says what it is of, with 128 random bits: `srv_…`, `lch_…`, `key_…`, `ref_…`. */
export const newId = (prefix: string): string => `${prefix}_${randomBytes(16).toString('hex')}`;
