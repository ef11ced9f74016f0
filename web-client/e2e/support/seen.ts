import type { Locator, Page } from "@playwright/test";
import { CLOCK } from "./scenes";
import { until } from "./server";

declare global {
  interface Window {
    peerConnections: RTCPeerConnection[];
  }
}

/** Keeps the page's connections, so that a test can ask them for statistics. */
export async function watchConnections(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.peerConnections = [];
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        window.peerConnections.push(this);
      }
    };
  });
}

/** Waits until the video shows another picture than at first: pixels are compared, not counters. */
export async function seesMotion(video: Locator, what: string, ms?: number): Promise<void> {
  let first: number[] | null = null;
  await until(
    `${what} moves`,
    async () => {
      const now = await pixels(video);
      if (now === null || brightness(now) <= 4) return false;
      first ??= now;
      return difference(now, first) > 1;
    },
    ms,
  );
}

/** Waits until a video has a picture, moving or not. */
export async function seesPicture(video: Locator): Promise<void> {
  await until("there is a picture", () =>
    video.evaluate((element) => (element as HTMLVideoElement).readyState >= HTMLMediaElement.HAVE_CURRENT_DATA),
  );
}

/** What a video of the scene "clock" showed at a moment: both in Unix ms, what is shown lying in the last hour. */
export interface TimeSeen {
  shown: number;
  at: number;
  /** The video's own time, in ms. */
  time: number;
}

/** Reads the clocks of all videos that match, at one moment; with `frames`, once for each of the next frames of the first. */
export async function timesSeen(videos: Locator, frames = 1): Promise<TimeSeen[][]> {
  return videos.evaluateAll(
    async (elements, { clock, frames }) => {
      const sources = elements as HTMLVideoElement[];
      const canvas = document.createElement("canvas");
      canvas.width = clock.columns * 8;
      canvas.height = clock.rows * 8;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      const first = sources[0];
      if (context === null || first === undefined) return [];
      const read = (source: HTMLVideoElement): TimeSeen => {
        context.drawImage(source, 0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let bit = 0; bit < clock.columns * clock.rows; bit++) {
          const x = (bit % clock.columns) * 8 + 4;
          const y = Math.floor(bit / clock.columns) * 8 + 4;
          if ((context.getImageData(x, y, 1, 1).data[0] ?? 0) > 127) count += 2 ** bit;
        }
        const at = Date.now();
        const round = 2 ** (clock.columns * clock.rows);
        const now = Math.floor(at / clock.step);
        const ago = (((now - count) % round) + round) % round;
        return { shown: (now - ago) * clock.step, at, time: source.currentTime * 1000 };
      };
      const seen = [sources.map(read)];
      while (seen.length < frames) {
        await new Promise((resolve) => first.requestVideoFrameCallback(resolve));
        seen.push(sources.map(read));
      }
      return seen;
    },
    { clock: CLOCK, frames },
  );
}

/** The picture as 32×18 grey values; null while there is none. */
export async function pixels(video: Locator): Promise<number[] | null> {
  return video.evaluate((element) => {
    const source = element as HTMLVideoElement;
    if (source.videoWidth === 0 || source.readyState < 2) return null;
    const canvas = document.createElement("canvas");
    canvas.width = 32;
    canvas.height = 18;
    const context = canvas.getContext("2d");
    if (context === null) return null;
    context.drawImage(source, 0, 0, 32, 18);
    const { data } = context.getImageData(0, 0, 32, 18);
    return Array.from(
      { length: 32 * 18 },
      (_, at) => ((data[4 * at] ?? 0) + (data[4 * at + 1] ?? 0) + (data[4 * at + 2] ?? 0)) / 3,
    );
  });
}

/** Mean difference of two pictures in grey values. */
export function difference(a: number[], b: number[]): number {
  return a.reduce((sum, value, at) => sum + Math.abs(value - (b[at] ?? 0)), 0) / a.length;
}

function brightness(picture: number[]): number {
  return picture.reduce((sum, value) => sum + value, 0) / picture.length;
}

/** Energy of all sound the page has decoded so far, by getStats. */
export async function heardEnergy(page: Page): Promise<number> {
  return page.evaluate(async () => {
    let energy = 0;
    for (const connection of window.peerConnections) {
      const stats = (await connection.getStats()) as unknown as Map<string, Record<string, unknown>>;
      for (const entry of stats.values())
        if (
          entry["type"] === "inbound-rtp" &&
          entry["kind"] === "audio" &&
          typeof entry["totalAudioEnergy"] === "number"
        )
          energy += entry["totalAudioEnergy"];
    }
    return energy;
  });
}

/** Waits until more sound arrives: not packets of silence, but energy. */
export async function hears(page: Page, what: string, ms = 30_000): Promise<void> {
  let before = await heardEnergy(page);
  let rises = 0;
  try {
    await until(
      `${what} is heard`,
      async () => {
        const now = await heardEnergy(page);
        if (now > before + 1e-5) rises++;
        before = now;
        return rises >= 2;
      },
      ms,
    );
  } catch (error) {
    throw new Error(`${String(error)}; receiving: ${await page.evaluate(describeSound)}`, { cause: error });
  }
}

/** What is received and played, for the words of a failure. */
async function describeSound(): Promise<string> {
  const lines: unknown[] = [];
  for (const connection of window.peerConnections) {
    const stats = (await connection.getStats()) as unknown as Map<string, Record<string, unknown>>;
    for (const entry of stats.values())
      if (entry["kind"] === "audio" && (entry["type"] === "inbound-rtp" || entry["type"] === "outbound-rtp"))
        lines.push([
          entry["type"],
          entry["mid"],
          entry["packetsReceived"] ?? entry["packetsSent"],
          entry["totalAudioEnergy"],
        ]);
    lines.push(
      connection.connectionState,
      connection.getTransceivers().map((t) => [t.mid, t.currentDirection]),
    );
  }
  const playing = [...document.querySelectorAll("audio")].map((audio) => [audio.paused, audio.readyState]);
  return JSON.stringify([lines, playing]);
}

/** How many sound tracks bring packets within the next moments. */
export async function soundTracks(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const count = async (): Promise<Map<string, number>> => {
      const packets = new Map<string, number>();
      for (const connection of window.peerConnections) {
        const stats = (await connection.getStats()) as unknown as Map<string, Record<string, unknown>>;
        for (const entry of stats.values())
          if (entry["type"] === "inbound-rtp" && entry["kind"] === "audio")
            packets.set(String(entry["id"]) + String(entry["ssrc"]), Number(entry["packetsReceived"]));
      }
      return packets;
    };
    const before = await count();
    await new Promise((resolve) => setTimeout(resolve, 600));
    let growing = 0;
    for (const [id, packets] of await count()) if (packets > (before.get(id) ?? 0)) growing++;
    return growing;
  });
}

/** The SRTP cipher the page's newest connection agreed on. */
export async function srtpCipher(page: Page): Promise<string> {
  return until("a cipher is agreed on", () =>
    page.evaluate(async () => {
      const connection = window.peerConnections.at(-1);
      const stats = (await connection?.getStats()) as unknown as Map<string, Record<string, unknown>> | undefined;
      for (const entry of stats?.values() ?? [])
        if (entry["type"] === "transport" && typeof entry["srtpCipher"] === "string") return entry["srtpCipher"];
      return null;
    }),
  );
}

/** Level of what a media element plays, 0 to 1: its own sound is measured. */
export async function playsSound(element: Locator, what: string): Promise<void> {
  await until(`${what} sounds`, () =>
    element.evaluate(async (target) => {
      const media = target as HTMLMediaElement & { captureStream: () => MediaStream; tap?: AnalyserNode };
      if (media.tap === undefined) {
        const stream = media.captureStream();
        if (stream.getAudioTracks().length === 0) return false;
        const context = new AudioContext();
        await context.resume();
        media.tap = context.createAnalyser();
        context.createMediaStreamSource(stream).connect(media.tap);
      }
      const samples = new Float32Array(media.tap.fftSize);
      media.tap.getFloatTimeDomainData(samples);
      return samples.some((sample) => Math.abs(sample) > 0.01);
    }),
  );
}

/** A picture that comes in, by getStats. */
export interface Picture {
  height: number;
  decoded: number;
  freezes: number;
  frozen: number;
}

/** What Chromium counts of the largest picture that comes. */
export function picture(page: Page): Promise<Picture> {
  return page.evaluate(async () => {
    const seen = { height: 0, decoded: 0, freezes: 0, frozen: 0 };
    for (const connection of window.peerConnections) {
      if (connection.connectionState === "closed") continue;
      for (const entry of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (entry["type"] !== "inbound-rtp" || entry["kind"] !== "video") continue;
        if (Number(entry["framesDecoded"] ?? 0) <= seen.decoded) continue;
        seen.height = Number(entry["frameHeight"] ?? 0);
        seen.decoded = Number(entry["framesDecoded"] ?? 0);
        seen.freezes = Number(entry["freezeCount"] ?? 0);
        seen.frozen = Number(entry["totalFreezesDuration"] ?? 0);
      }
    }
    return seen;
  });
}
