import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "@playwright/test";
import type { ClassroomDetail, Lessons, Recordings } from "../../src/api/client";

/** The server, beside which lie the other programs. */
export const BIN = process.env["TONGKE_BIN"] ?? join(import.meta.dirname, "../../../target/debug/tongke");
const PATIENCE_MS = 60_000;
const STOP_MS = 30_000;

/** Accounts of the demo district. */
export const ACCOUNTS = {
  teacher: { account: "teacher", password: "tongke-teacher" },
  researcher: { account: "researcher", password: "tongke-researcher" },
  administrator: { account: "admin", password: "tongke-admin" },
} as const;

/** Waits for a condition; what it says last stands in the error. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | false | undefined>,
  ms = PATIENCE_MS,
): Promise<T> {
  const end = Date.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== false && answer !== undefined) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms; last: ${String(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The real server with the demo district in a fresh data directory. */
export class Server {
  readonly port: number;
  /** First port of media, UDP and TCP; the engine's threads take those after it. */
  readonly mediaPort: number;
  readonly data: string;
  #process: ChildProcess | null = null;
  #output = "";
  readonly #settings: Record<string, string>;

  private constructor(port: number, mediaPort: number, data: string, settings: Record<string, string>) {
    this.#settings = settings;
    this.port = port;
    this.mediaPort = mediaPort;
    this.data = data;
  }

  /** `settings` are `TONGKE_*` variables beside what every test sets. */
  static async start(settings: Record<string, string> = {}): Promise<Server> {
    const data = await mkdtemp(join(tmpdir(), "tongke-e2e-"));
    const server = new Server(await freeTcp(), await freeMedia(), data, settings);
    await server.launch();
    return server;
  }

  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** The running program's process. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** What the server printed, for a failed test. */
  get output(): string {
    return this.#output;
  }

  /** Starts the program, after {@link stop} in the same data directory. */
  async launch(): Promise<void> {
    const args = ["serve", "--demo", "--data", this.data, "--listen", `127.0.0.1:${this.port}`];
    const child = spawn(BIN, [...args, "--media-port", String(this.mediaPort), "--announce", "127.0.0.1"], {
      env: { ...environment(), ...this.#settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    const keep = (text: Buffer): void => {
      const lines = text
        .toString()
        .split("\n")
        .filter((line) => !line.includes("rtc_dtls::handshake"));
      this.#output = (this.#output + lines.join("\n")).slice(-20_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    await until("the server is ready", async () => {
      if (child.exitCode !== null) throw new Error(`the server ended: ${this.#output}`);
      return (await fetch(`${this.url}/readyz`)).ok;
    });
  }

  /** Ends the program: SIGTERM asks, SIGKILL is a crash. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    // A server that does not stop fails its own tests; here it must not hold up the next story.
    const patience = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(patience);
  }

  /** Ends it for good and removes its data. */
  async remove(): Promise<void> {
    await this.stop("SIGTERM");
    await rm(this.data, { recursive: true, force: true });
  }

  /** Asks the REST API as one of the demo's people. */
  async as<T>(who: keyof typeof ACCOUNTS, method: "GET" | "POST", path: string): Promise<T> {
    const http = await request.newContext({ baseURL: this.url });
    try {
      await http.post("/api/v1/session", { data: ACCOUNTS[who] });
      const response = await http.fetch(`/api/v1${path}`, { method });
      if (!response.ok()) throw new Error(`${method} ${path}: ${response.status()} ${await response.text()}`);
      return (await response.json()) as T;
    } finally {
      await http.dispose();
    }
  }

  /** A fresh pairing code for each classroom of the lesson. */
  async pairingCodes(lesson: string): Promise<{ name: string; code: string }[]> {
    const attending = (await this.lesson(lesson)).classrooms.map((room) => room.id);
    const rooms = await this.as<ClassroomDetail[]>("administrator", "GET", "/classrooms");
    const codes = [];
    for (const room of rooms.filter(({ id }) => attending.includes(id))) {
      const made = await this.as<ClassroomDetail>("administrator", "POST", `/classrooms/${room.id}/pairing-code`);
      codes.push({ name: room.name, code: made.pairing_code ?? "" });
    }
    return codes;
  }

  async lesson(id: string): Promise<Lessons["lessons"][number]> {
    const found = (await this.lessons()).find((lesson) => lesson.id === id);
    if (found === undefined) throw new Error(`no lesson ${id}`);
    return found;
  }

  /** The teacher's lesson that is on now. */
  async openLesson(): Promise<string> {
    const lesson = (await this.lessons()).find(({ state }) => state === "open" || state === "live");
    if (lesson === undefined) throw new Error("the demo has no lesson that is on");
    return lesson.id;
  }

  async recordings(): Promise<Recordings["recordings"]> {
    return (await this.as<Recordings>("researcher", "GET", "/recordings")).recordings;
  }

  async lessons(): Promise<Lessons["lessons"]> {
    const now = Date.now();
    const span = `from=${new Date(now - 86_400_000).toISOString()}&to=${new Date(now + 86_400_000).toISOString()}`;
    return (await this.as<Lessons>("teacher", "GET", `/lessons?${span}`)).lessons;
  }
}

/** What the server's own settings are is said by flags alone; only where the recorder is comes from outside. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("TONGKE_") || name === "TONGKE_RECORDER");
  return Object.fromEntries(own);
}

/** A port that is free for TCP. */
export async function freeTcp(port = 0, host = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createServer().once("error", reject);
    socket.listen(port, host, () => {
      const address = socket.address();
      socket.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** A port, free for UDP and TCP, with as many after it as the engine may have threads. */
async function freeMedia(): Promise<number> {
  const THREADS = 8;
  return until("free media ports", async () => {
    const first = await bound(0);
    if (first === null || first > 65_000) return null;
    for (let next = first; next < first + THREADS; next++)
      if ((await bound(next)) === null || (await freeTcp(next, "0.0.0.0").catch(() => null)) === null) return null;
    return first;
  });
}

async function bound(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => {
      socket.close();
      resolve(null);
    });
    socket.bind(port, "0.0.0.0", () => {
      const taken = socket.address().port;
      socket.close(() => resolve(taken));
    });
  });
}
