import { Problem } from '../domain/problems.ts';

/** The last second of the year 9999: RFC 3339 writes no later one. */
export const lastSecond = 253_402_300_799;

/** Refuses an `iat` (seconds since 1970) more than `skewSeconds` from `now`: `clock_skew` with both times. */
export function requireFresh(iat: number, now: Date, skewSeconds: number): void {
  const differenceSeconds = iat - now.getTime() / 1000;
  if (Math.abs(differenceSeconds) <= skewSeconds) return;
  const direction = differenceSeconds > 0 ? 'ahead of' : 'behind';
  const facts = {
    agentTime: new Date(iat * 1000).toISOString(),
    serverTime: now.toISOString(),
    differenceSeconds: Math.round(differenceSeconds),
  };
  throw new Problem('clock_skew', `The agent’s clock is ${direction} the server’s.`, facts);
}
