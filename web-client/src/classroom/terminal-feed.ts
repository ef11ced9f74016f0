import type { TerminalState } from "../api/client";
import { type Clock, every } from "../live/clock";
import { Store } from "../live/store";

/** What the server last said about this screen. */
export type FeedState =
  | { kind: "unknown"; since: number }
  | { kind: "unpaired"; was: boolean }
  | { kind: "paired"; terminal: TerminalState; offsetMs: number; lostSince: number | null };

/** One stream of `state` events. */
export interface EventStream {
  close(): void;
}

export interface FeedOptions {
  clock: Clock;
  /** Opens the stream of events. */
  open: (onState: (terminal: TerminalState) => void, onEnd: () => void) => EventStream;
  /** Asks once. Resolves to null when this screen is not paired; rejects when the server cannot be reached. */
  ask: () => Promise<TerminalState | null>;
}

const LOOK_MS = 2_000;
/** The server speaks every 15 s: silent for longer, it is asked. */
const QUIET_MS = 20_000;
/** And after this the stream counts as dead, whatever the browser says. */
const DEAD_MS = 35_000;

/** Follows what this screen should do, by a stream of events with asking as a fallback; never gives up. */
export class TerminalFeed {
  readonly state: Store<FeedState>;
  readonly #options: FeedOptions;
  #stream: EventStream | null = null;
  #heardAt: number;
  #openedAt = -Infinity;
  #asking = false;
  #paired = false;
  readonly #stop: () => void;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    this.state = new Store<FeedState>({ kind: "unknown", since: options.clock.now() });
    this.#stop = every(options.clock, LOOK_MS, () => this.#look());
    void this.refresh();
  }

  /** Asks now. */
  async refresh(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const terminal = await this.#options.ask();
      if (terminal === null) this.#unpaired();
      else this.#heard(terminal);
    } catch {
      this.#missed();
    } finally {
      this.#asking = false;
    }
  }

  close(): void {
    this.#stop();
    this.#stream?.close();
    this.#stream = null;
  }

  #look(): void {
    const quiet = this.#options.clock.now() - this.#heardAt;
    if (this.state.get().kind === "unpaired") return;
    if (quiet >= DEAD_MS) {
      this.#stream?.close();
      this.#stream = null;
    }
    if (this.#stream === null || quiet >= QUIET_MS) void this.refresh();
  }

  #heard(terminal: TerminalState): void {
    const now = this.#options.clock.now();
    this.#heardAt = now;
    this.#paired = true;
    this.state.set({ kind: "paired", terminal, offsetMs: Date.parse(terminal.now) - now, lostSince: null });
    this.#follow(now);
  }

  /** Opens the stream unless it is open; one that breaks at once is not opened again before the next look. */
  #follow(now: number): void {
    if (this.#stream !== null || now - this.#openedAt < LOOK_MS) return;
    this.#openedAt = now;
    this.#stream = this.#options.open(
      (next) => this.#heard(next),
      () => {
        this.#stream?.close();
        this.#stream = null;
        if (this.#options.clock.now() - this.#openedAt >= LOOK_MS) void this.refresh();
      },
    );
  }

  #missed(): void {
    const state = this.state.get();
    if (state.kind === "paired" && state.lostSince === null) this.state.set({ ...state, lostSince: this.#heardAt });
  }

  #unpaired(): void {
    this.#stream?.close();
    this.#stream = null;
    if (this.state.get().kind !== "unpaired") this.state.set({ kind: "unpaired", was: this.#paired });
  }
}

/** The server's stream of server-sent events. */
export function eventSourceStream(onState: (terminal: TerminalState) => void, onEnd: () => void): EventStream {
  const source = new EventSource("/api/v1/terminal/events");
  source.addEventListener("state", (event: MessageEvent<string>) => onState(JSON.parse(event.data) as TerminalState));
  source.onerror = () => {
    // The browser reconnects by itself, except after a refusal; asking tells which it was and opens another.
    source.close();
    onEnd();
  };
  return { close: () => source.close() };
}
