import type { IceServer } from "../generated/signal/IceServer";
import type { Transport } from "../generated/signal/Transport";

/** Remembers whether this machine reached the server's media ports. */
export interface LineMemory {
  load(): boolean;
  save(direct: boolean): void;
}

/** Remembers it in the browser. */
export function localLine(): LineMemory {
  const key = "tongke.direct";
  return {
    load: () => {
      try {
        return localStorage.getItem(key) === "yes";
      } catch {
        return false;
      }
    },
    save: (direct) => {
      try {
        localStorage.setItem(key, direct ? "yes" : "no");
      } catch {
        // Storage may be full or forbidden: the next page then asks the relay too, which costs it nothing but a moment.
      }
    },
  };
}

/**
 * Which relays a connection is given. A browser opens TLS to each of them even where it needs none: when a thousand classrooms come
 * at the bell, those that did without the last time do without again, until that fails.
 */
export class Relays {
  #servers: IceServer[] = [];
  #direct: boolean;
  #saved: boolean;
  readonly #memory: LineMemory;

  constructor(memory: LineMemory) {
    this.#memory = memory;
    this.#saved = memory.load();
    this.#direct = this.#saved;
  }

  /** What the server offers from now. */
  told(servers: IceServer[]): void {
    this.#servers = servers;
  }

  /** For the next connection. */
  next(): IceServer[] {
    return this.#direct ? [] : this.#servers;
  }

  /** The connection did not come up, or broke. */
  failed(): void {
    this.#direct = false;
  }

  /** The connection is up, over this. */
  runsOver(transport: Transport): void {
    this.#direct = transport !== "tls";
    if (this.#direct === this.#saved) return;
    this.#saved = this.#direct;
    this.#memory.save(this.#saved);
  }
}
