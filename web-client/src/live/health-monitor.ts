import type { Report } from "../generated/signal/Report";
import type { Source } from "../generated/signal/Source";
import type { Transport } from "../generated/signal/Transport";

/** What is known of a stream at one moment, from getStats. */
export interface StreamSample {
  kind: "audio" | "video";
  packets: number;
  lost: number;
  /** Video: decoded so far. */
  frames: number;
  /** Video: thrown away so far because they came too late to be shown. */
  dropped: number;
  /** Video: spent on decoding so far. */
  decodeSeconds: number;
  /** Video: now. */
  framesPerSecond: number;
  /** Video: lines of the picture now. */
  height: number;
  /** Audio: samples that were played out, seconds. */
  playedSeconds: number;
  frozenMs: number;
}

/** What is known of the connection at one moment. */
export interface ConnectionSample {
  rttMs: number;
  /** What the selected pair of candidates runs over. */
  transport: Transport | null;
  /** By the browser's id of the receiving track. */
  streams: ReadonlyMap<string, StreamSample>;
}

/** Reads getStats of a connection. */
export async function sampleOf(connection: RTCPeerConnection): Promise<ConnectionSample> {
  const streams = new Map<string, StreamSample>();
  let rttMs = 0;
  let transport: Transport | null = null;
  const stats = (await connection.getStats()) as unknown as Map<string, Record<string, unknown>>;
  const selected = [...stats.values()].find((entry) => entry["type"] === "transport")?.["selectedCandidatePairId"];
  for (const entry of stats.values()) {
    if (entry["type"] === "inbound-rtp" && typeof entry["trackIdentifier"] === "string") {
      const rate = numberOf(entry["totalSamplesReceived"]);
      streams.set(entry["trackIdentifier"], {
        kind: entry["kind"] === "video" ? "video" : "audio",
        packets: numberOf(entry["packetsReceived"]),
        lost: numberOf(entry["packetsLost"]),
        frames: numberOf(entry["framesDecoded"]),
        dropped: numberOf(entry["framesDropped"]),
        decodeSeconds: numberOf(entry["totalDecodeTime"]),
        framesPerSecond: numberOf(entry["framesPerSecond"]),
        height: numberOf(entry["frameHeight"]),
        playedSeconds: rate / 48_000,
        frozenMs: Math.round(numberOf(entry["totalFreezesDuration"]) * 1000),
      });
    } else if (entry["type"] === "candidate-pair" && isSelected(entry, selected)) {
      rttMs = Math.round(numberOf(entry["currentRoundTripTime"]) * 1000);
      transport = transportOf(stats.get(String(entry["localCandidateId"])));
    }
  }
  return { rttMs, transport, streams };
}

/** A pair that was used before stays nominated. Firefox has no transport that says which it is. */
function isSelected(pair: Record<string, unknown>, selected: unknown): boolean {
  return selected === undefined ? pair["nominated"] === true : pair["id"] === selected;
}

function transportOf(candidate: Record<string, unknown> | undefined): Transport | null {
  // The only relay there is goes by TLS; the protocol of its candidate is what the server uses within itself.
  if (candidate?.["candidateType"] === "relay") return "tls";
  const protocol = candidate?.["protocol"];
  return protocol === "udp" || protocol === "tcp" ? protocol : null;
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** A track that ought to be seen or heard here. */
export interface Expected {
  /** The browser's id of the receiving track. */
  media: string;
  source: Source;
  /** The server says that media is coming in from the publisher. */
  flowing: boolean;
}

/** How a lesson plays that comes by HLS. */
export interface DelayedHealth {
  /** How far behind the lesson, in ms. */
  lagMs: number;
  /** It plays on. */
  moving: boolean;
}

/** What the page knows besides getStats. */
export interface Surroundings {
  /** The teacher's tracks. */
  expected: readonly Expected[];
  /** Media does not pass, and the lesson is played by HLS. */
  delayed: DelayedHealth | null;
  /** The browser refuses to play sound before somebody presses a key. */
  soundBlocked: boolean;
  microphoneLevel: number;
  cameraWorks: boolean | null;
  microphoneWorks: boolean | null;
}

/** A picture may stand still for so many samples before it counts as not seen: a still screen sends a frame a second. */
const STILL_SAMPLES = 2;

/** Turns two samples of getStats, about 2 s apart, into the report the teacher's wall lives by. */
export class HealthMonitor {
  #before: ConnectionSample | null = null;
  #still = 0;
  /** Tracks that flowed at the sample before: one that has just begun is given until the next. */
  #flowed: ReadonlySet<string> = new Set();

  /** The report of the time since the sample before. */
  report(sample: ConnectionSample | null, around: Surroundings): Report {
    const before = this.#before;
    this.#before = sample;
    const expected = around.expected.filter((track) => track.flowing);
    const sounds = expected.filter((track) => track.source === "microphone");
    const pictures = expected.filter((track) => track.source !== "microphone" && track.source !== "screen_audio");
    const seen = pictures.some((track) => grew(before, sample, track.media, (stream) => stream.frames));
    this.#still = seen ? 0 : this.#still + 1;
    const heard = sounds.some((track) => grew(before, sample, track.media, (stream) => stream.packets));
    const due = heard || sounds.some((track) => this.#flowed.has(track.media));
    this.#flowed = new Set(expected.map((track) => track.media));
    const late = around.delayed;
    if (late !== null)
      return {
        ...measured(sample, before, around),
        hears: sounds.length === 0 ? null : late.moving && !around.soundBlocked,
        sees: pictures.length === 0 ? null : late.moving,
        delayed_ms: late.lagMs,
      };
    return {
      ...measured(sample, before, around),
      hears: due ? heard && !around.soundBlocked : null,
      sees: pictures.length === 0 ? null : seen || (sample !== null && before !== null && this.#still < STILL_SAMPLES),
      delayed_ms: null,
    };
  }
}

/** What is the same however the lesson is played. */
function measured(sample: ConnectionSample | null, before: ConnectionSample | null, around: Surroundings) {
  return {
    loss_permille: lossOf(before, sample),
    rtt_ms: Math.min(65_535, sample?.rttMs ?? 0),
    frozen_ms: frozenOf(sample),
    microphone_level: around.microphoneLevel,
    camera_works: around.cameraWorks,
    microphone_works: around.microphoneWorks,
    transport: sample?.transport ?? null,
  };
}

function grew(
  before: ConnectionSample | null,
  sample: ConnectionSample | null,
  media: string,
  count: (stream: StreamSample) => number,
): boolean {
  const now = sample?.streams.get(media);
  if (now === undefined) return false;
  const then = before?.streams.get(media);
  return count(now) > (then === undefined ? 0 : count(then));
}

function lossOf(before: ConnectionSample | null, sample: ConnectionSample | null): number {
  let packets = 0;
  let lost = 0;
  for (const [id, stream] of sample?.streams ?? []) {
    const then = before?.streams.get(id);
    packets += Math.max(0, stream.packets - (then?.packets ?? 0));
    lost += Math.max(0, stream.lost - (then?.lost ?? 0));
  }
  return packets + lost === 0 ? 0 : Math.min(1000, Math.round((1000 * lost) / (packets + lost)));
}

function frozenOf(sample: ConnectionSample | null): number {
  let frozen = 0;
  for (const stream of sample?.streams.values() ?? []) frozen = Math.max(frozen, stream.frozenMs);
  return frozen;
}
