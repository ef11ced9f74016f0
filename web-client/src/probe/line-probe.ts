import { api } from "../api/client";
import { Store } from "../live/store";
import { addressesOf, type Findings, type Line, NOTHING_YET, onlyProtocol, type Rung } from "./findings";

const REQUESTS = 5;
const SOCKET_MS = 5_000;
/** Media that has not come up after this time does not pass. */
const CONNECT_MS = 8_000;
/** How long a line is measured once it is up; the server ends it after 20 s in all. */
const MEASURE_MS = 9_000;
const LOOK_MS = 500;
/** So much of what is looked for is as good as all of it. */
const ENOUGH = 0.9;
/** The segment of /hls/probe is longer. */
const LEAST_SEGMENT = 90_000;
const RANDOM_BYTES = 60 * 1024;
const PIECES = 4;
const UPLOAD_MS = 4_000;
const UPLOADS = 12;

/** The server has no such way. */
class NotOffered extends Error {}

/** Finds out what passes between this browser and the server, one rung after another. */
export class LineProbe {
  readonly findings = new Store<Findings>(NOTHING_YET);
  readonly #abort = new AbortController();

  /** Tries everything once. */
  async run(): Promise<void> {
    await this.#try("page", () => this.#page());
    await this.#try("socket", () => this.#socket());
    await this.#try("udp", async () => this.#set({ udp: await this.#media("udp") }));
    await this.#try("tcp", async () => this.#set({ tcp: await this.#media("tcp") }));
    await this.#try("tls", async () => this.#set({ tls: await this.#media("tls") }));
    await this.#try("hls", () => this.#hls());
    await this.#upload().catch(() => undefined);
  }

  /** Stops. */
  close(): void {
    this.#abort.abort();
  }

  async #try(rung: Rung, work: () => Promise<void>): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#rung(rung, "running");
    try {
      await work();
      this.#rung(rung, "good");
    } catch (error) {
      this.#rung(rung, error instanceof NotOffered ? "absent" : "bad");
    }
  }

  #rung(rung: Rung, state: Findings["rungs"][Rung]): void {
    this.#set({ rungs: { ...this.findings.get().rungs, [rung]: state } });
  }

  #set(change: Partial<Findings>): void {
    if (!this.#abort.signal.aborted) this.findings.patch(change);
  }

  /** Requests, of which the middle one tells the round trip: the first also makes the connection. */
  async #page(): Promise<void> {
    const taken: number[] = [];
    for (let request = 0; request < REQUESTS; request++) {
      const began = performance.now();
      const response = await fetch("/healthz", { cache: "no-store", signal: this.#abort.signal });
      if (!(await response.text()).startsWith("ok")) throw new Error("another answered");
      taken.push(performance.now() - began);
    }
    taken.sort((a, b) => a - b);
    this.#set({ pageMs: Math.round(taken[REQUESTS >> 1] ?? 0) });
  }

  #socket(): Promise<void> {
    const address = new URL("/signal", window.location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("it does not open")), SOCKET_MS);
      socket.onopen = () => resolve();
      // A proxy may also end it politely.
      socket.onclose = () => {
        clearTimeout(timer);
        reject(new Error("it does not open"));
      };
    }).finally(() => socket.close());
  }

  /** A playlist and a segment as delayed viewing fetches them: a filter that lets the one pass may eat the other. */
  async #hls(): Promise<void> {
    const of = (name: string): Promise<Response> =>
      fetch(`/hls/probe/${name}`, { cache: "no-store", signal: this.#abort.signal });
    const playlist = await (await of("index.m3u8")).text();
    if (!playlist.startsWith("#EXTM3U")) throw new Error("another answered");
    const segment = new Uint8Array(await (await of("segment.m4s")).arrayBuffer());
    const kind = String.fromCharCode(...segment.subarray(4, 8));
    if (kind !== "styp" || segment.length < LEAST_SEGMENT) throw new Error("another answered");
  }

  async #media(way: "udp" | "tcp" | "tls"): Promise<Line> {
    const configuration: RTCConfiguration = {
      bundlePolicy: "max-bundle",
      iceTransportPolicy: way === "tls" ? "relay" : "all",
    };
    const connection = new RTCPeerConnection(configuration);
    let id: string | null = null;
    try {
      connection.addTransceiver("video", { direction: "recvonly" });
      // It gathers candidates once it is set, and what relays there are is known only then.
      const offer = await connection.createOffer();
      const answer = await api.beginProbe(offer.sdp ?? "");
      id = answer.id;
      this.#set({ addresses: addressesOf(answer.sdp), ports: answer.ports, tcpOffered: answer.tcp });
      const iceServers = answer.ice_servers ?? [];
      if (way === "tls") {
        if (iceServers.length === 0) throw new NotOffered();
        connection.setConfiguration({ ...configuration, iceServers });
      }
      await connection.setLocalDescription(offer);
      // The relay reaches the server by UDP, within it.
      const sdp = onlyProtocol(answer.sdp, way === "tcp" ? "tcp" : "udp");
      await connection.setRemoteDescription({ type: "answer", sdp });
      await this.#connected(connection);
      return await this.#measured(answer.id);
    } finally {
      connection.close();
      if (id !== null) void api.endProbe(id).catch(() => undefined);
    }
  }

  #connected(connection: RTCPeerConnection): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no media")), CONNECT_MS);
      connection.onconnectionstatechange = () => {
        if (connection.connectionState === "connected") resolve();
        if (connection.connectionState === "failed") reject(new Error("no media"));
        if (connection.connectionState !== "connecting") clearTimeout(timer);
      };
    });
  }

  async #measured(id: string): Promise<Line> {
    const until = performance.now() + MEASURE_MS;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const state = await api.probe(id, this.#abort.signal);
      const line = {
        rttMs: state.rtt_ms,
        lossPermille: state.loss_permille,
        jitterMs: state.jitter_ms,
        downBps: state.down_bps ?? null,
        mostBps: state.most_bps,
      };
      if (performance.now() >= until || (line.downBps ?? 0) >= ENOUGH * line.mostBps) return line;
    }
  }

  async #upload(): Promise<void> {
    // As much as is given at a time, several times over: a request's body is not compressed.
    const piece = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
    const whole = new Blob(new Array(PIECES).fill(piece), { type: "application/octet-stream" });
    const began = performance.now();
    let bytes = 0;
    for (let upload = 0; upload < UPLOADS && performance.now() - began < UPLOAD_MS; upload++) {
      await api.probeUpload(whole, this.#abort.signal);
      bytes += whole.size;
      this.#set({ upBps: Math.round((bytes * 8_000) / (performance.now() - began)) });
    }
  }
}
