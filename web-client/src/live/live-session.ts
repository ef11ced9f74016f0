import type { Action } from "../generated/signal/Action";
import type { IceServer } from "../generated/signal/IceServer";
import type { PublishWish } from "../generated/signal/PublishWish";
import type { Report } from "../generated/signal/Report";
import type { ServerMessage } from "../generated/signal/ServerMessage";
import type { WatchRule } from "../generated/signal/WatchRule";
import { type Clock, every } from "./clock";
import { DecodeBudget } from "./decode-budget";
import type { Devices, LocalSource } from "./devices";
import { type DelayedHealth, HealthMonitor, sampleOf } from "./health-monitor";
import { LevelMeter } from "./level-meter";
import { type Encodings, MediaSession } from "./media-session";
import { Playout } from "./playout";
import { type LineMemory, Relays } from "./relays";
import { afterChange, fromWelcome, type RoomView, teacherOf } from "./room-state";
import { SignalConnection } from "./signal-connection";
import { Store } from "./store";
import type { OpenTransport } from "./transport";

const REPORT_MS = 2_000;
const SOURCES: readonly LocalSource[] = ["camera", "microphone", "screen", "screen_audio", "document"];

export interface LiveOptions {
  clock: Clock;
  random: () => number;
  open: OpenTransport;
  createPeerConnection: (iceServers: IceServer[]) => RTCPeerConnection;
  token: (fresh: boolean) => Promise<string>;
  instance: string;
  encodings: Encodings;
  /** Captures what is published; absent for those who only watch. */
  devices: Devices | null;
  watch: WatchRule[];
  /** Whether this machine can do without a relay. */
  line: LineMemory;
  /** Made at the first microphone; absent in tests. */
  audioContext: (() => AudioContext) | null;
  /** Cores of a device that may be too weak for what it gets; absent where it is never asked for less. */
  cores?: number;
}

/** What the page decides about its own sound and pictures. */
export interface Publishing {
  /** Devices are published at all. */
  on: boolean;
  /** The microphone is open: it gives silence otherwise, whatever `muted` says. */
  microphoneOpen: boolean;
  /** Silenced by the person here; others are told. */
  muted: boolean;
  /** The camera is covered by the person here; others are told. */
  cameraOff: boolean;
}

/** A text of the teacher's. */
export interface Notice {
  text: string;
  at: number;
}

/** One peer in one lesson: line, room, media, devices and health put together. Pages only look and call. */
export class LiveSession {
  readonly connection: SignalConnection;
  readonly media: MediaSession;
  readonly room = new Store<RoomView | null>(null);
  readonly notice = new Store<Notice | null>(null);
  /** The line carries nothing but sound: pictures are given up until it is better. */
  readonly soundOnly = new Store(false);
  /** The last report, as the teacher sees it too. */
  readonly health = new Store<Report | null>(null);
  readonly publishing = new Store<Publishing>({ on: false, microphoneOpen: true, muted: false, cameraOff: false });
  /** The browser refuses to play sound until somebody presses a key; the page sets it. */
  soundBlocked = false;
  /** How the lesson plays by HLS while media does not pass; the page sets it. */
  delayed: DelayedHealth | null = null;
  readonly #options: LiveOptions;
  readonly #health = new HealthMonitor();
  readonly #relays: Relays;
  readonly #decodes: DecodeBudget | null;
  readonly #playout = new Playout();
  readonly #undo: (() => void)[] = [];
  #watch: WatchRule[];
  #meter: { track: MediaStreamTrack; meter: LevelMeter } | null = null;
  #context: AudioContext | null = null;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#watch = options.watch;
    this.#relays = new Relays(options.line);
    this.#decodes = options.cores === undefined ? null : new DecodeBudget(options.cores);
    this.media = new MediaSession({
      clock: options.clock,
      create: () => options.createPeerConnection(this.#relays.next()),
      send: (message) => this.connection.send(message),
      encodings: options.encodings,
    });
    this.connection = new SignalConnection({
      clock: options.clock,
      random: options.random,
      open: options.open,
      token: options.token,
      instance: options.instance,
      wish: this.#wish(),
      onMessage: (message) => this.#receive(message),
    });
    this.#undo.push(
      this.publishing.subscribe(() => this.#publish()),
      this.media.state.subscribe(() => {
        if (this.media.state.get().kind === "failed") this.#relays.failed();
      }),
      every(options.clock, REPORT_MS, () => void this.report()),
    );
    if (options.devices !== null) this.#undo.push(options.devices.state.subscribe(() => this.#publish()));
  }

  /** Changes what is watched. */
  setWatch(rules: WatchRule[]): void {
    this.#watch = rules;
    this.connection.setWish(this.#wish());
  }

  /** Carries out an action; see {@link SignalConnection.act}. */
  act(action: Action): Promise<void> {
    return this.connection.act(action);
  }

  /** Level of the own microphone, 0 to 100, also while it is muted. */
  microphoneLevel(): number {
    const track = this.#options.devices?.state.get().microphone.track ?? null;
    if (this.#meter !== null && this.#meter.track !== track) {
      this.#meter.meter.close();
      this.#meter = null;
    }
    if (track === null || this.#options.audioContext === null) return 0;
    this.#context ??= this.#options.audioContext();
    if (this.#context.state === "suspended") void this.#context.resume();
    this.#meter ??= { track, meter: new LevelMeter(this.#context, track) };
    return this.#meter.meter.read();
  }

  /** The server's clock now, Unix time in ms. */
  serverNow(): number {
    return this.#options.clock.now() + (this.room.get()?.clockOffsetMs ?? 0);
  }

  /** Measures and reports how it is here. */
  async report(): Promise<void> {
    const connection = this.media.connection;
    const sample = connection === null ? null : await sampleOf(connection).catch(() => null);
    if (sample?.transport != null && this.media.state.get().kind === "up") this.#relays.runsOver(sample.transport);
    const shown = typeof document === "undefined" || document.visibilityState === "visible";
    if (this.#decodes?.sample(this.#options.clock.now(), sample, shown) === true) this.connection.setWish(this.#wish());
    const devices = this.#options.devices?.state.get();
    const works = (source: "camera" | "microphone"): boolean | null => {
      const device = devices?.[source];
      if (device === undefined || device.state === "off" || device.trouble === "missing") return null;
      return device.track !== null && device.track.readyState === "live" && !device.track.muted;
    };
    const report = this.#health.report(sample, {
      expected: this.#expected(),
      delayed: this.delayed,
      soundBlocked: this.soundBlocked,
      microphoneLevel: this.microphoneLevel(),
      cameraWorks: works("camera"),
      microphoneWorks: works("microphone"),
    });
    this.health.set(report);
    this.connection.send({ type: "report", report });
    const { on, microphoneOpen, muted } = this.publishing.get();
    this.#playout.sample(this.#options.clock.now(), report, on && microphoneOpen && !muted);
    this.media.hold(this.#playout.holdMs);
  }

  /** Leaves the lesson; devices stay as they are. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.connection.close();
    this.media.close();
    this.#meter?.meter.close();
    this.#meter = null;
    void this.#context?.close();
    this.#context = null;
  }

  #expected() {
    const view = this.room.get();
    const teacher = view === null ? undefined : teacherOf(view.room);
    // The teacher does not hear and see itself.
    if (teacher?.id === view?.self) return [];
    const remote = [...this.media.remote.get().values()];
    return (teacher?.tracks ?? []).map((track) => ({
      media: remote.find((entry) => entry.track === track.id)?.media.id ?? "",
      source: track.source,
      flowing: track.flowing,
    }));
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.room.set(fromWelcome(message, this.#options.clock.now()));
        this.#relays.told(message.ice_servers ?? []);
        if (message.offer?.fresh === true) this.soundOnly.set(false);
        if (message.offer !== undefined) void this.media.offer(message.offer);
        break;
      case "change": {
        const view = this.room.get();
        const next = view === null ? null : afterChange(view, message.revision, message.change);
        if (next === null) {
          this.connection.reconnect();
        } else {
          this.room.set(next);
          this.connection.sawRevision(next.room.revision);
        }
        break;
      }
      case "offer":
        void this.media.offer(message.offer);
        break;
      case "line":
        this.soundOnly.set(message.sound_only);
        break;
      case "layers":
        this.media.pauseLayers(message.source, message.paused);
        break;
      case "message":
        this.notice.set({ text: message.text, at: this.#options.clock.now() });
        break;
      default:
        break;
    }
  }

  #publish(): void {
    const { on, microphoneOpen, muted, cameraOff } = this.publishing.get();
    const devices = this.#options.devices?.state.get();
    if (devices === undefined) return;
    for (const source of SOURCES) {
      const track = devices[source].track;
      if (track !== null && source === "microphone") track.enabled = microphoneOpen && !muted;
      if (track !== null && source === "camera") track.enabled = !cameraOff;
      this.media.setLocal(source, on ? track : null);
    }
    this.connection.setWish(this.#wish());
  }

  #wish() {
    const { on, muted, cameraOff } = this.publishing.get();
    const devices = this.#options.devices?.state.get();
    const publish: PublishWish[] = [];
    for (const source of SOURCES) {
      // While another device is asked for, the one before goes on: the section stays.
      if (!on || (devices?.[source].track ?? null) === null) continue;
      publish.push({ source, muted: source === "microphone" ? muted : source === "camera" ? cameraOff : false });
    }
    const decodes = this.#decodes?.lines ?? 0;
    return { publish, watch: this.#watch, ...(decodes > 0 && { decodes }) };
  }
}

/** A name for this tab, also on pages that are not secure. */
export function newInstance(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
