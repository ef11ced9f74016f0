import type { Clock } from "../clock";

/** A clock that moves only when a test says so. */
export class VirtualClock implements Clock {
  #now = 1_700_000_000_000;
  #timers: { at: number; order: number; work: () => void }[] = [];
  #order = 0;

  now(): number {
    return this.#now;
  }

  after(ms: number, work: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on, running what falls due in order and letting promises settle between. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined || next.at > until) break;
      this.#timers.shift();
      this.#now = next.at;
      next.work();
      await settle();
    }
    this.#now = until;
  }

  /** How many timers wait: a stopped machine leaves none. */
  get waiting(): number {
    return this.#timers.length;
  }
}

/** Lets promises that are ready run. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 10; round++) await Promise.resolve();
}
