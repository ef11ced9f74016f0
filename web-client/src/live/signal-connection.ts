import type { Action } from "../generated/signal/Action";
import type { ClientMessage } from "../generated/signal/ClientMessage";
import type { ErrorCode } from "../generated/signal/ErrorCode";
import type { ServerMessage } from "../generated/signal/ServerMessage";
import type { Wish } from "../generated/signal/Wish";
import { backoffMs } from "./backoff";
import { type Clock, every } from "./clock";
import { Store } from "./store";
import type { OpenTransport, Transport } from "./transport";

/** The version of the signalling protocol this page speaks. */
export const PROTOCOL_VERSION = 1;

/** A socket that said nothing for so long, pings included, is given up. */
const SILENCE_MS = 6_000;
const PING_MS = 2_000;
/** While a socket is being opened another is tried beside it: a hung handshake must not hold up the return of the line. */
const SOCKETS_AT_ONCE = 3;
const NEXT_SOCKET_MS = 2_000;
const ACT_MS = 10_000;

/** Why a connection is over for good. */
export type StopCode = ErrorCode | "signed_out";

/** Where the connection stands; `since` is Unix time in ms. */
export type ConnectionState =
  | { kind: "connecting"; since: number }
  | { kind: "up"; since: number }
  | { kind: "lost"; since: number; attempts: number }
  | { kind: "stopped"; code: StopCode };

/** An action was refused or its answer did not come. */
export class ActionError extends Error {
  /** For the page's text. */
  readonly code: ErrorCode | "lost";

  constructor(code: ErrorCode | "lost", message: string) {
    super(message);
    this.code = code;
  }
}

/** A token could not be had. `code` is set where asking again is of no use. */
export class TokenError extends Error {
  readonly code: StopCode | null;

  constructor(code: StopCode | null) {
    super(code ?? "no token yet");
    this.code = code;
  }
}

export interface SignalOptions {
  clock: Clock;
  random: () => number;
  open: OpenTransport;
  /** Gets a join token; `fresh` asks for a new one. Throws {@link TokenError}. */
  token: (fresh: boolean) => Promise<string>;
  /** Made once when the page loads. */
  instance: string;
  wish: Wish;
  /** Every message of the server but `done`, `pong` and answers to actions. */
  onMessage: (message: ServerMessage) => void;
}

/** Codes after which the same tab has nothing more to ask for. */
const FINAL: ReadonlySet<StopCode> = new Set<StopCode>([
  "signed_out",
  "version",
  "revoked",
  "no_lesson",
  "ended",
  "cancelled",
  "seat_taken",
  "teacher_present",
  "forbidden",
]);

interface Waiting {
  done: () => void;
  failed: (error: ActionError) => void;
  cancel: () => void;
}

/**
 * One peer's line to the server: says `hello`, keeps the wish stated, and comes back from every outage without limit.
 * It ends only when the server says so ({@link FINAL}) or by {@link close}.
 */
export class SignalConnection {
  readonly state: Store<ConnectionState>;
  readonly #options: SignalOptions;
  #wish: Wish;
  /** The wish the server has, as JSON. */
  #stated = "";
  #takeOver = true;
  #revision = 0;
  #attempt = 0;
  #freshToken = false;
  #opening: Transport[] = [];
  #live: Transport | null = null;
  #heardAt = 0;
  #nextId = 1;
  #closed = false;
  readonly #acts = new Map<number, Waiting>();
  #cancelRetry = (): void => undefined;
  #cancelPing = (): void => undefined;

  constructor(options: SignalOptions) {
    this.#options = options;
    this.#wish = options.wish;
    this.state = new Store<ConnectionState>({ kind: "connecting", since: options.clock.now() });
    this.#attemptNow();
  }

  /** States what the peer wants, whole. */
  setWish(wish: Wish): void {
    this.#wish = wish;
    this.#restate();
  }

  /** Tells the server the wish if it has another: also one that changed between `hello` and its welcome. */
  #restate(): void {
    const wish = JSON.stringify(this.#wish);
    if (this.state.get().kind !== "up" || wish === this.#stated) return;
    this.#stated = wish;
    this.send({ type: "wish", wish: this.#wish });
  }

  /** The last revision that was applied, told at the next `hello`. */
  sawRevision(revision: number): void {
    this.#revision = revision;
  }

  /** Sends a message if the line is up; state is restated by `hello`, so nothing is queued. */
  send(message: ClientMessage): void {
    if (this.state.get().kind === "up") this.#live?.send(JSON.stringify(message));
  }

  /** Carries out an action. Rejects with {@link ActionError}. */
  act(action: Action): Promise<void> {
    if (this.state.get().kind !== "up") return Promise.reject(new ActionError("lost", "not connected"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(ACT_MS, () => this.#fail(id, new ActionError("lost", "no answer")));
      this.#acts.set(id, { done: resolve, failed: reject, cancel });
      this.send({ type: "act", id, action });
    });
  }

  /** The network is said to be back, or the page woke: try at once. */
  nudge(): void {
    const state = this.state.get().kind;
    if (state === "connecting" || state === "lost") {
      this.#attempt = 0;
      this.#attemptNow();
    } else if (state === "up") {
      this.send({ type: "ping", id: this.#nextId++ });
    }
  }

  /** Drops the line and says `hello` again at once: the state here is not the server's any more. */
  reconnect(): void {
    if (this.#closed || this.state.get().kind === "stopped") return;
    this.#dropped(0);
  }

  /** Leaves. */
  close(): void {
    this.#closed = true;
    this.#clear();
  }

  #clear(): void {
    this.#cancelRetry();
    this.#cancelPing();
    for (const transport of this.#opening.splice(0)) transport.close();
    this.#live?.close();
    this.#live = null;
    for (const id of [...this.#acts.keys()]) this.#fail(id, new ActionError("lost", "the line was lost"));
  }

  #attemptNow(): void {
    if (this.#closed) return;
    this.#cancelRetry();
    const fresh = this.#freshToken;
    this.#options.token(fresh).then(
      (token) => {
        if (fresh) this.#freshToken = false;
        if (!this.#closed && this.#live === null && this.state.get().kind !== "stopped") this.#dial(token);
      },
      (error: unknown) => {
        if (this.#closed || this.#live !== null) return;
        const code = error instanceof TokenError ? error.code : null;
        if (code !== null && FINAL.has(code)) this.#stop(code);
        else this.#dropped(null);
      },
    );
    // The request for a token may hang on a dead line like anything else.
    this.#cancelRetry = this.#options.clock.after(NEXT_SOCKET_MS, () => this.#attemptNow());
  }

  #dial(token: string): void {
    const options = this.#options;
    const transport = options.open({
      opened: () => {
        this.#adopt(transport);
        this.#stated = JSON.stringify(this.#wish);
        transport.send(
          JSON.stringify({
            type: "hello",
            version: PROTOCOL_VERSION,
            token,
            instance: options.instance,
            take_over: this.#takeOver,
            revision: this.#revision,
            wish: this.#wish,
          } satisfies ClientMessage),
        );
      },
      message: (text) => {
        if (this.#live === transport) this.#receive(text);
      },
      closed: () => {
        if (this.#live === transport) this.#dropped(null);
        else if (this.#opening.includes(transport)) {
          this.#opening = this.#opening.filter((other) => other !== transport);
          if (this.#opening.length === 0 && this.#live === null) this.#dropped(null);
        }
      },
    });
    this.#opening.push(transport);
    if (this.#opening.length > SOCKETS_AT_ONCE) this.#opening.shift()?.close();
    this.#cancelRetry();
    this.#cancelRetry = options.clock.after(NEXT_SOCKET_MS, () => this.#attemptNow());
  }

  #adopt(transport: Transport): void {
    this.#cancelRetry();
    for (const other of this.#opening.splice(0)) if (other !== transport) other.close();
    this.#live = transport;
    this.#heardAt = this.#options.clock.now();
    this.#cancelPing();
    this.#cancelPing = every(this.#options.clock, PING_MS, () => {
      if (this.#options.clock.now() - this.#heardAt >= SILENCE_MS) this.#dropped(0);
      else this.send({ type: "ping", id: this.#nextId++ });
    });
  }

  #receive(text: string): void {
    this.#heardAt = this.#options.clock.now();
    const message = JSON.parse(text) as ServerMessage;
    switch (message.type) {
      case "welcome":
        this.#attempt = 0;
        this.#revision = message.room.revision;
        this.state.set({ kind: "up", since: this.#options.clock.now() });
        this.#restate();
        break;
      case "pong":
        return;
      case "done": {
        const waiting = this.#take(message.id);
        waiting?.done();
        return;
      }
      case "error":
        if (this.#refused(message)) return;
        break;
      case "closing":
        this.#options.onMessage(message);
        this.#dropped(message.retry_after_ms);
        return;
      default:
        break;
    }
    this.#options.onMessage(message);
  }

  /** Returns whether the error is dealt with here. */
  #refused(message: Extract<ServerMessage, { type: "error" }>): boolean {
    if (message.id !== undefined) {
      this.#fail(message.id, new ActionError(message.code, message.message));
      if (!message.fatal) return true;
    }
    if (!message.fatal) return false;
    if (message.code === "seat_taken") this.#takeOver = false;
    if (FINAL.has(message.code)) {
      this.#stop(message.code);
      this.#options.onMessage(message);
      return true;
    }
    this.#freshToken = message.code === "token_expired" || message.code === "token_invalid";
    this.#dropped(null);
    return true;
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#acts.get(id);
    this.#acts.delete(id);
    waiting?.cancel();
    return waiting;
  }

  #fail(id: number, error: ActionError): void {
    this.#take(id)?.failed(error);
  }

  #stop(code: StopCode): void {
    this.#clear();
    this.state.set({ kind: "stopped", code });
  }

  /** The line is gone: tries again after `waitMs`, or by the backoff when that is null. */
  #dropped(waitMs: number | null): void {
    this.#clear();
    if (this.#closed || this.state.get().kind === "stopped") return;
    const before = this.state.get();
    const now = this.#options.clock.now();
    const attempt = this.#attempt++;
    if (before.kind === "up") this.state.set({ kind: "lost", since: now, attempts: 1 });
    else if (before.kind === "lost") this.state.set({ ...before, attempts: before.attempts + 1 });
    const wait = waitMs ?? backoffMs(attempt, this.#options.random);
    this.#cancelRetry = this.#options.clock.after(wait, () => this.#attemptNow());
  }
}
