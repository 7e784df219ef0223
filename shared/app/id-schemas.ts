import * as z from 'zod/mini';
import { accountPattern, instanceIdPattern, regionPattern } from '#shared/domain/ids.ts';

/** The ids of domain/ids.ts, for schemas of messages, requests and answers. */
export const account = z.string().check(z.regex(accountPattern));
export const region = z.string().check(z.regex(regionPattern));
export const instanceId = z.string().check(z.regex(instanceIdPattern));
