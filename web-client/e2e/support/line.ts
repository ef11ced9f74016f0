import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server as TcpServer, Socket } from "node:net";
import type { Browser, Page } from "@playwright/test";
import { openClassroom } from "./people";
import { seesMotion } from "./seen";
import type { Server } from "./server";

/** What a narrow line's queue holds; what comes beyond is lost. */
const QUEUE_MS = 300;
/** Bytes of IP and UDP around each packet. */
const HEADERS = 28;

/** The engine's threads each have a port; so many are relayed. */
const MEDIA_PORTS = 8;

/** Sends a page's media to other ports: the UDP candidates of every offer get them in place of their own, the TCP ones are taken out. */
export async function lead(page: Page, ports: (readonly [from: number, to: number])[]): Promise<void> {
  await page.addInitScript((mapped) => {
    const prototype = RTCPeerConnection.prototype as unknown as {
      setRemoteDescription: (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    };
    const original = prototype.setRemoteDescription;
    prototype.setRemoteDescription = function (description) {
      let sdp = (description.sdp ?? "").replace(/^a=candidate:\S+ \d+ tcp .*\r\n/gm, "");
      for (const [from, to] of mapped) sdp = sdp.replaceAll(` ${from} typ `, ` ${to} typ `);
      return original.call(this, { ...description, sdp });
    };
  }, ports);
}

/**
 * A line between one browser and the server that can be cut: TCP for pages and signalling, UDP for media. While it is cut
 * nothing passes and nothing is refused, as when somebody pulls the plug of a switch.
 */
export class Line {
  #cut = false;
  #rate: number | null = null;
  #busyUntil = 0;
  readonly #server: Server;
  readonly #tcp: TcpServer;
  readonly #pairs = new Set<{ near: Socket; far: Socket }>();
  readonly #udp: UdpRelay[] = [];
  #port = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.#tcp = createServer((near) => this.#connect(near));
  }

  static async open(server: Server): Promise<Line> {
    const line = new Line(server);
    await new Promise<void>((resolve) => line.#tcp.listen(0, "127.0.0.1", resolve));
    const address = line.#tcp.address();
    line.#port = typeof address === "object" && address !== null ? address.port : 0;
    for (let thread = 0; thread < MEDIA_PORTS; thread++)
      line.#udp.push(
        await UdpRelay.open(
          server.mediaPort + thread,
          () => line.#delay(0),
          (bytes) => line.#delay(bytes),
        ),
      );
    return line;
  }

  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  /** Sends the page's media through the line. */
  async use(page: Page): Promise<void> {
    await lead(
      page,
      this.#udp.map((relay, thread) => [this.#server.mediaPort + thread, relay.port] as const),
    );
  }

  /** From now on so many bit/s of media pass to the browser, as on a line with a short queue; null is without bound. */
  narrow(rate: number | null): void {
    this.#rate = rate;
  }

  /** How long a packet to the browser takes, in ms; null when it is lost. */
  #delay(bytes: number): number | null {
    if (this.#cut) return null;
    if (this.#rate === null || bytes === 0) return 0;
    const now = performance.now();
    const begin = Math.max(now, this.#busyUntil);
    if (begin - now > QUEUE_MS) return null;
    this.#busyUntil = begin + ((bytes + HEADERS) * 8_000) / this.#rate;
    return this.#busyUntil - now;
  }

  /** Nothing passes any more. */
  cut(): void {
    this.#cut = true;
    for (const { near, far } of this.#pairs) {
      near.pause();
      far.pause();
    }
  }

  /** All passes again. Connections from before are dead, as after a long outage. */
  mend(): void {
    this.#cut = false;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }

  close(): void {
    this.mend();
    this.#tcp.close();
    for (const relay of this.#udp) relay.close();
  }

  #connect(near: Socket): void {
    const far = new Socket();
    const pair = { near, far };
    this.#pairs.add(pair);
    const end = (): void => {
      near.destroy();
      far.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of [near, far]) {
      socket.on("error", end);
      socket.on("close", end);
    }
    // A new connection during the outage hangs.
    if (this.#cut) {
      near.pause();
      return;
    }
    far.connect(this.#server.port, "127.0.0.1");
    near.pipe(far);
    far.pipe(near);
  }
}

/** The lesson's first classroom at the end of a line of its own, where it sees the teacher. */
export async function classroomOnLine(
  browser: Browser,
  server: Server,
): Promise<{ line: Line; page: Page; name: string }> {
  const line = await Line.open(server);
  const [room] = await server.pairingCodes(await server.openLesson());
  const page = await openClassroom(browser, line.url, room?.code ?? "", (made) => line.use(made));
  await seesMotion(page.locator(".lesson-camera video"), "the teacher");
  return { line, page, name: room?.name ?? "" };
}

/** How long a packet of so many bytes takes, in ms; null when it is lost. */
type Delay = (bytes: number) => number | null;

/** One UDP port in front of another, with a socket of its own for each client. */
class UdpRelay {
  readonly port: number;
  readonly #near: UdpSocket;
  readonly #clients = new Map<string, UdpSocket>();
  #closed = false;

  private constructor(near: UdpSocket, to: number, up: Delay, down: Delay) {
    this.#near = near;
    this.port = near.address().port;
    near.on("message", (packet, from) => {
      if (up(packet.length) === null) return;
      const key = `${from.address}:${from.port}`;
      let far = this.#clients.get(key);
      if (far === undefined) {
        far = createSocket("udp4");
        far.on("message", (answer) => {
          const after = down(answer.length);
          if (after === null) return;
          const send = (): void => {
            if (!this.#closed) near.send(answer, from.port, from.address);
          };
          if (after < 1) send();
          else setTimeout(send, after);
        });
        far.on("error", () => undefined);
        this.#clients.set(key, far);
      }
      far.send(packet, to, "127.0.0.1");
    });
  }

  static async open(to: number, up: Delay, down: Delay): Promise<UdpRelay> {
    const near = createSocket("udp4");
    await new Promise<void>((resolve) => near.bind(0, "127.0.0.1", resolve));
    return new UdpRelay(near, to, up, down);
  }

  close(): void {
    this.#closed = true;
    this.#near.close();
    for (const far of this.#clients.values()) far.close();
  }
}
