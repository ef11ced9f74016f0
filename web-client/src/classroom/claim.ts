import type { Claim } from "../api/client";
import type { Clock } from "../live/clock";
import { Store } from "../live/store";

/** After a failure it is tried again after this time. */
const AGAIN_MS = 3_000;

/** What the screen shows: the code that lets an administrator pair it, and whether the server can be reached. */
export interface ClaimState {
  code: string | null;
  trouble: "offline" | "busy" | null;
}

export interface ClaimOptions {
  clock: Clock;
  /** Asks for the code to show. */
  claim: () => Promise<Claim>;
  /** Waits for the pairing: `paired`, `waiting` (ask again) or `gone` (the code lapsed). Held back by the server. */
  collect: () => Promise<"paired" | "waiting" | "gone">;
  /** `busy` when the server refused for now, `offline` when it cannot be reached. */
  troubleOf: (error: unknown) => "offline" | "busy";
  paired: () => void;
}

/** Gets a code to show, and waits until an administrator used it; gets another when it lapses. */
export class ClaimWait {
  readonly state = new Store<ClaimState>({ code: null, trouble: null });
  readonly #options: ClaimOptions;
  #closed = false;
  #cancel = (): void => undefined;

  constructor(options: ClaimOptions) {
    this.#options = options;
    void this.#claim();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #claim(): Promise<void> {
    try {
      const { code } = await this.#options.claim();
      this.state.set({ code, trouble: null });
    } catch (error) {
      this.#again(error, () => void this.#claim());
      return;
    }
    await this.#collect();
  }

  async #collect(): Promise<void> {
    let answer = "waiting";
    while (answer === "waiting" && !this.#closed) {
      const asked = this.#options.clock.now();
      try {
        answer = await this.#options.collect();
      } catch (error) {
        this.#again(error, () => void this.#collect());
        return;
      }
      if (this.state.get().trouble !== null) this.state.patch({ trouble: null });
      // A server that is stopping does not hold the answer back.
      if (answer === "waiting" && this.#options.clock.now() - asked < 1_000) {
        this.#after(AGAIN_MS, () => void this.#collect());
        return;
      }
    }
    if (this.#closed) return;
    if (answer === "paired") this.#options.paired();
    else await this.#claim();
  }

  #again(error: unknown, work: () => void): void {
    if (this.#closed) return;
    this.state.patch({ trouble: this.#options.troubleOf(error) });
    this.#after(AGAIN_MS, work);
  }

  #after(ms: number, work: () => void): void {
    if (!this.#closed) this.#cancel = this.#options.clock.after(ms, work);
  }
}
