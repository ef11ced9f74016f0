import type { ClientMessage } from "../generated/signal/ClientMessage";
import type { Offer } from "../generated/signal/Offer";
import type { Section } from "../generated/signal/Section";
import type { Source } from "../generated/signal/Source";
import type { Clock } from "./clock";
import { Store } from "./store";

/** A connection that is only disturbed gets this long to recover by itself. */
const DISCONNECTED_MS = 2_500;
/** A connection that does not come up after an answer is given up after this time. */
const CONNECT_MS = 8_000;
/** A restart that was not answered is asked for again. */
const RESTART_AGAIN_MS = 4_000;
/** A level of 0 to 1 that speech reaches and a quiet room does not. */
const LOUD = 0.02;

/** How a source is encoded. */
interface Encoding {
  maxBitrate: number;
  maxFramerate?: number;
  /** What to give up first when the line or the machine is weak. */
  degradation: "maintain-framerate" | "maintain-resolution" | "balanced";
}

/** Layers where the server asks for several: by how much each is smaller than the first, and its share of the bitrate. */
const LAYERS = [
  { scale: 1, share: 1 },
  { scale: 2, share: 0.3 },
  { scale: 4, share: 0.1 },
] as const;

/** Bitrates in bit/s by source and by what the peer is. */
export type Encodings = Record<Source, Encoding>;

export const TEACHER_ENCODINGS: Encodings = {
  camera: { maxBitrate: 1_500_000, maxFramerate: 30, degradation: "balanced" },
  microphone: { maxBitrate: 48_000, degradation: "balanced" },
  screen: { maxBitrate: 2_000_000, maxFramerate: 15, degradation: "maintain-resolution" },
  screen_audio: { maxBitrate: 96_000, degradation: "balanced" },
  document: { maxBitrate: 2_000_000, maxFramerate: 15, degradation: "maintain-resolution" },
};

export const CLASSROOM_ENCODINGS: Encodings = {
  ...TEACHER_ENCODINGS,
  camera: { maxBitrate: 600_000, maxFramerate: 25, degradation: "balanced" },
};

/** A track that comes in. */
export interface RemoteTrack {
  track: string;
  peer: string;
  source: Source;
  media: MediaStreamTrack;
}

/** Where the media connection stands; `since` is Unix time in ms. */
export type MediaState = { kind: "idle" | "connecting" | "up" | "disturbed" | "failed"; since: number };

export interface MediaOptions {
  clock: Clock;
  create: () => RTCPeerConnection;
  send: (message: ClientMessage) => void;
  encodings: Encodings;
}

/**
 * The media of one peer: one RTCPeerConnection that follows the server's offers. Sections are matched by mid; what the peer
 * sends is put in by source with replaceTrack, so a change of camera needs no negotiation.
 */
export class MediaSession {
  readonly state: Store<MediaState>;
  /** Tracks that come in, by their id. */
  readonly remote = new Store<ReadonlyMap<string, RemoteTrack>>(new Map());
  readonly #options: MediaOptions;
  #connection: RTCPeerConnection | null = null;
  #local = new Map<Source, MediaStreamTrack>();
  /** Layers of each source that nobody takes, by their names. */
  #paused = new Map<Source, ReadonlySet<string>>();
  #sections: Section[] = [];
  #holdMs: number | null = null;
  #queue: Promise<void> = Promise.resolve();
  #latest = -1;
  #closed = false;
  #cancelTimer = (): void => undefined;

  constructor(options: MediaOptions) {
    this.#options = options;
    this.state = new Store<MediaState>({ kind: "idle", since: options.clock.now() });
  }

  /** The connection, for statistics. */
  get connection(): RTCPeerConnection | null {
    return this.#connection;
  }

  /** Puts a track into its source's section, now and in every later negotiation; null takes it out. */
  setLocal(source: Source, track: MediaStreamTrack | null): void {
    if (track === null) this.#local.delete(source);
    else this.#local.set(source, track);
    void this.#enqueue(() => this.#fillSenders());
  }

  /** Pauses layers of a source that nobody takes; all others are sent. It holds for the connection there is. */
  pauseLayers(source: Source, names: readonly string[]): void {
    this.#paused.set(source, new Set(names));
    void this.#enqueue(() => this.#fillSenders());
  }

  /** Holds back what comes by so many ms before it is played; null leaves it to the browser. */
  hold(ms: number | null): void {
    this.#holdMs = ms;
    this.#holdBack();
  }

  /** Carries out an offer and sends the answer. Offers are carried out one after another; an overtaken one is skipped. */
  offer(offer: Offer): Promise<void> {
    this.#latest = offer.negotiation;
    return this.#enqueue(() => this.#apply(offer));
  }

  /** Peers whose sound is louder than a quiet room right now. */
  async loud(): Promise<ReadonlySet<string>> {
    const peers = new Set<string>();
    const connection = this.#connection;
    if (connection === null) return peers;
    const sounds = [...this.remote.get().values()].filter(({ media }) => media.kind === "audio");
    for (const { peer, media } of sounds) {
      const stats = (await connection.getStats(media)) as unknown as Map<string, Record<string, unknown>>;
      for (const entry of stats.values())
        if (entry["type"] === "inbound-rtp" && Number(entry["audioLevel"]) > LOUD) peers.add(peer);
    }
    return peers;
  }

  /** Asks for a fresh connection, until one is offered. */
  restart(): void {
    if (this.#closed) return;
    this.#set("failed");
    this.#options.send({ type: "restart" });
    this.#arm(RESTART_AGAIN_MS, () => this.restart());
  }

  /** Ends it all. */
  close(): void {
    this.#closed = true;
    this.#drop();
    this.#set("idle");
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work).catch((error: unknown) => {
      if (this.#closed) return;
      console.warn("media negotiation failed", error);
      this.restart();
    });
    return this.#queue;
  }

  async #apply(offer: Offer): Promise<void> {
    if (this.#closed || (offer.negotiation !== this.#latest && !offer.fresh)) return;
    if (offer.fresh || this.#connection === null) this.#renew();
    const connection = this.#connection;
    if (connection === null) return;
    await connection.setRemoteDescription({ type: "offer", sdp: offer.sdp });
    this.#sections = offer.sections;
    this.#direct(connection);
    await this.#fillSenders();
    await connection.setLocalDescription(await connection.createAnswer());
    const sdp = connection.localDescription?.sdp;
    if (connection !== this.#connection || sdp === undefined) return;
    this.#options.send({ type: "answer", negotiation: offer.negotiation, sdp });
    this.#collect(connection);
    if (this.state.get().kind !== "up") this.#arm(CONNECT_MS, () => this.restart());
  }

  #renew(): void {
    this.#drop();
    const connection = this.#options.create();
    this.#connection = connection;
    connection.onconnectionstatechange = () => {
      if (connection === this.#connection) this.#changed(connection.connectionState);
    };
    this.#set("connecting");
  }

  #changed(state: RTCPeerConnectionState): void {
    switch (state) {
      case "connected":
        this.#cancelTimer();
        this.#set("up");
        break;
      case "disconnected":
        this.#set("disturbed");
        this.#arm(DISCONNECTED_MS, () => this.restart());
        break;
      case "failed":
      case "closed":
        this.restart();
        break;
      default:
        break;
    }
  }

  /** Sets each section's direction to what it is for. */
  #direct(connection: RTCPeerConnection): void {
    const uses = new Map(this.#sections.map((section) => [section.mid, section]));
    for (const transceiver of connection.getTransceivers()) {
      if (transceiver.mid === null || transceiver.currentDirection === "stopped") continue;
      const use = uses.get(transceiver.mid);
      const direction = use === undefined ? "inactive" : use.direction === "send" ? "sendonly" : "recvonly";
      if (transceiver.direction !== direction) transceiver.direction = direction;
    }
  }

  async #fillSenders(): Promise<void> {
    const connection = this.#connection;
    if (connection === null) return;
    const sources = new Map<string, Source>();
    for (const section of this.#sections) if (section.direction === "send") sources.set(section.mid, section.source);
    for (const { mid, sender } of connection.getTransceivers()) {
      const source = mid === null ? undefined : sources.get(mid);
      const track = source === undefined ? null : (this.#local.get(source) ?? null);
      if (sender.track !== track) await sender.replaceTrack(track);
      if (source !== undefined && track !== null) await this.#tune(sender, source);
    }
  }

  async #tune(sender: RTCRtpSender, source: Source): Promise<void> {
    const encoding = this.#options.encodings[source];
    const parameters = sender.getParameters();
    const { encodings } = parameters;
    const paused = this.#paused.get(source);
    const wanted = ({ rid }: RTCRtpEncodingParameters) => rid === undefined || paused?.has(rid) !== true;
    const switched = encodings.filter((layer) => (layer.active ?? true) !== wanted(layer));
    // Before the first answer Firefox has no encodings yet: the next negotiation sets them.
    const tuned = encodings.length === 0 || encodings[0]?.maxBitrate === encoding.maxBitrate;
    if (tuned && switched.length === 0) return;
    for (const layer of switched) layer.active = wanted(layer);
    encodings.forEach((layer, at) => {
      const { scale, share } = LAYERS[at] ?? LAYERS[0];
      layer.maxBitrate = Math.round(encoding.maxBitrate * share);
      if (encoding.maxFramerate !== undefined) layer.maxFramerate = encoding.maxFramerate;
      if (encodings.length > 1) layer.scaleResolutionDownBy = scale;
    });
    (parameters as { degradationPreference?: string }).degradationPreference = encoding.degradation;
    await sender.setParameters(parameters).catch(() => undefined);
  }

  #holdBack(): void {
    for (const { receiver } of this.#connection?.getTransceivers() ?? []) {
      // Older browsers do not know it.
      const held = receiver as { jitterBufferTarget?: number | null };
      if (held.jitterBufferTarget !== undefined && held.jitterBufferTarget !== this.#holdMs)
        held.jitterBufferTarget = this.#holdMs;
    }
  }

  #collect(connection: RTCPeerConnection): void {
    const byMid = new Map(connection.getTransceivers().map((transceiver) => [transceiver.mid, transceiver]));
    const remote = new Map<string, RemoteTrack>();
    for (const section of this.#sections) {
      const media = byMid.get(section.mid)?.receiver.track;
      if (section.direction !== "receive" || media === undefined) continue;
      const before = this.remote.get().get(section.track);
      const same = before?.media === media && before.peer === section.peer;
      const entry = { track: section.track, peer: section.peer, source: section.source, media };
      remote.set(section.track, same ? before : entry);
    }
    this.remote.set(remote);
    this.#holdBack();
  }

  #drop(): void {
    this.#cancelTimer();
    const connection = this.#connection;
    this.#connection = null;
    this.#sections = [];
    this.#paused.clear();
    if (connection === null) return;
    connection.onconnectionstatechange = null;
    connection.close();
  }

  #arm(ms: number, work: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(ms, work);
  }

  #set(kind: MediaState["kind"]): void {
    if (this.state.get().kind !== kind) this.state.set({ kind, since: this.#options.clock.now() });
  }
}
