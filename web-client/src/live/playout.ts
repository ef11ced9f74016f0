/** Shares of packets, in 1/1000: from this on a line is lossy … */
const LOSSY = 30;
/** … and below this it is good again, when it stays so. */
const GOOD = 10;
const CALM_MS = 15_000;
/** A packet that was lost is asked for again, and that once more: so many round trips, and time to notice. */
const ROUND_TRIPS = 3;
const NOTICE_MS = 50;
/** The sound's second copy comes two packets after the first. */
const LEAST_MS = 150;
const MOST_MS = 500;

/**
 * How long media is held back before it is played on a line that loses packets, so that what is sent again comes in time. A browser
 * by itself waits for one round trip, and its picture stands when that was not enough.
 */
export class Playout {
  #holdMs: number | null = null;
  #badAt = 0;

  /** How long, in ms; null leaves it to the browser. */
  get holdMs(): number | null {
    return this.#holdMs;
  }

  /** Takes what was measured since the last time; whether somebody speaks here too, and would have to wait for answers. */
  sample(now: number, line: { loss_permille: number; rtt_ms: number }, conversing: boolean): void {
    if (line.loss_permille >= GOOD) this.#badAt = now;
    if (conversing || now - this.#badAt >= CALM_MS) this.#holdMs = null;
    else if (line.loss_permille >= LOSSY) {
      const wanted = Math.min(MOST_MS, Math.max(LEAST_MS, ROUND_TRIPS * line.rtt_ms + NOTICE_MS));
      this.#holdMs = Math.max(this.#holdMs ?? 0, wanted);
    }
  }
}
