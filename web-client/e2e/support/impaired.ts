import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "@playwright/test";
import { lead } from "./line";
import { BIN, type Server, until } from "./server";

const LOADTEST = join(dirname(BIN), "tongke-loadtest");

/**
 * A bad line between one browser and a server with one media thread: `tongke-loadtest impair`, with its steps (docs/LOADTEST.md).
 * Pages and signalling go over it as a stream, media as packets.
 */
export class ImpairedLine {
  /** When its first step began, in Unix ms. */
  readonly from = Date.now();
  readonly #server: Server;
  readonly #folder: string;
  readonly #relays: ChildProcess[] = [];
  #port = 0;
  #mediaPort = 0;

  private constructor(server: Server, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** `steps` are TOML; the same `seed` has the same fate. */
  static async open(server: Server, steps: string, seed: number): Promise<ImpairedLine> {
    const line = new ImpairedLine(server, await mkdtemp(join(tmpdir(), "tongke-line-")));
    const file = join(line.#folder, "line.toml");
    await writeFile(file, steps);
    const flags = ["--line", file, "--seed", String(seed)];
    const ports = [line.#relay("tcp", server.port, flags), line.#relay("udp", server.mediaPort, flags)] as const;
    [line.#port, line.#mediaPort] = await Promise.all(ports);
    return line;
  }

  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  /** Sends the page's media through the line. */
  async use(page: Page): Promise<void> {
    await lead(page, [[this.#server.mediaPort, this.#mediaPort]]);
  }

  async close(): Promise<void> {
    for (const relay of this.#relays) relay.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Starts a relay; returns its port. */
  async #relay(what: "tcp" | "udp", to: number, flags: string[]): Promise<number> {
    const ends = ["--listen", "127.0.0.1:0", "--to", `127.0.0.1:${to}`];
    const relay = spawn(LOADTEST, ["impair", "--what", what, ...ends, ...flags], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#relays.push(relay);
    let said = "";
    relay.stderr.on("data", (text: Buffer) => (said += text.toString()));
    const port = await until(`a relay of ${what}`, () => {
      if (relay.exitCode !== null) throw new Error(said);
      return Promise.resolve(/relaying \w+ of \S+:(\d+)/.exec(said)?.[1]);
    });
    return Number(port);
  }
}
