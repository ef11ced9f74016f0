import type { Clock } from "./clock";
import type { MediaState } from "./media-session";
import { Store } from "./store";

/** Media may be away for so long before the lesson is played another way. */
export const PATIENCE_MS = 10_000;
/** After media is back, its picture is waited for so long: the teacher's camera may be off by now. */
export const RETURN_MS = 5_000;

/** How the lesson reaches this classroom. */
export type FallbackState =
  /** By WebRTC. */
  | "direct"
  /** By HLS, some seconds late, while WebRTC goes on being tried. */
  | "delayed"
  /** WebRTC is up again; HLS goes on until its picture is there. */
  | "returning";

/** What it depends on. */
export interface Passage {
  /** The lesson is live. */
  live: boolean;
  /** The line of signalling is up: when all is cut, nothing else would pass either. */
  line: boolean;
  media: MediaState["kind"];
}

/** Decides when a classroom whose network lets no media through has the lesson by HLS, and when by WebRTC again. */
export class Fallback {
  readonly state = new Store<FallbackState>("direct");
  readonly #clock: Clock;
  readonly #passage: () => Passage;
  #downSince: number | null = null;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, passage: () => Passage) {
    this.#clock = clock;
    this.#passage = passage;
  }

  /** Since when media does not pass in a live lesson, Unix time in ms. */
  get downSince(): number | null {
    return this.#downSince;
  }

  /** Something may have changed. */
  look(): void {
    const { live, line, media } = this.#passage();
    // A connection that is only disturbed counts too; one that nobody asked for does not.
    const down = media === "connecting" || media === "disturbed" || media === "failed";
    if (!live) {
      this.#downSince = null;
      this.#go("direct");
      return;
    }
    this.#downSince = down ? (this.#downSince ?? this.#clock.now()) : null;
    switch (this.state.get()) {
      case "direct":
        if (!down || !line) this.#disarm();
        else this.#cancel ??= this.#clock.after(PATIENCE_MS, () => this.#go("delayed"));
        break;
      case "delayed":
        if (!down) {
          this.#go("returning");
          this.#cancel = this.#clock.after(RETURN_MS, () => this.#go("direct"));
        }
        break;
      case "returning":
        if (down) this.#go("delayed");
        break;
    }
  }

  /** The picture of WebRTC is on the screen. */
  seen(): void {
    if (this.state.get() === "returning") this.#go("direct");
  }

  close(): void {
    this.#disarm();
  }

  #go(state: FallbackState): void {
    this.#disarm();
    this.state.set(state);
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
