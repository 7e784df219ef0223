const shortestWaitSeconds = 1;
const longestWaitSeconds = 60;

/**
 * Seconds to wait after this many failed tries: doubling, with full jitter, so that a fleet of agents does not return at the
 * same moment (aws.amazon.com/blogs/architecture, "Exponential Backoff And Jitter").
 */
export const backoff = (tries: number, random: () => number): number =>
  shortestWaitSeconds + random() * Math.min(longestWaitSeconds, shortestWaitSeconds * 2 ** tries);
