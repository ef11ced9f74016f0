const FIRST_MS = 150;
const LONGEST_MS = 2_000;

/**
 * How long to wait before attempt number `attempt` (from 0): doubling from 150 ms to at most 2 s, and between half and the
 * whole of it at random, so that a county's classrooms do not come back in one instant.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(whole * (0.5 + 0.5 * random()));
}
