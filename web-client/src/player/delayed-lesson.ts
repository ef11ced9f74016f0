import Hls from "hls.js/light";
import { ApiError, type Replay } from "../api/client";
import { type Clock, every } from "../live/clock";
import { Store } from "../live/store";
import { Playback } from "./playback";

/** How often it is looked how it plays. */
const TICK_MS = 500;
/** Tracks that are wanted and not recorded yet are looked for this often. */
const LOOK_MS = 2_000;
/** The sound gives the clock where there is one: a picture can be played a little faster unseen. */
const MASTER = "teacher-microphone";

export interface DelayedState {
  /** Videos by the key of their track. */
  pictures: ReadonlyMap<string, HTMLVideoElement>;
  /** Something plays on. */
  moving: boolean;
  /** How far behind the lesson what plays is, in ms. */
  lagMs: number | null;
  /** The browser refuses sound before somebody presses a key. */
  blocked: boolean;
}

export interface DelayedOptions {
  clock: Clock;
  /** The lesson's recording as it stands. */
  load: () => Promise<Replay>;
  /** The server's clock now, Unix time in ms. */
  serverNow: () => number;
}

/** A running lesson by LL-HLS for a classroom without media: the tracks of its recording, at their end and in step. */
export class DelayedLesson {
  readonly state = new Store<DelayedState>({ pictures: new Map(), moving: false, lagMs: null, blocked: false });
  /** What only sounds. */
  readonly element = document.createElement("div");
  readonly #options: DelayedOptions;
  readonly #undo: (() => void)[];
  #wanted: readonly string[] = [];
  /** Addresses of playlists by key. */
  #known = new Map<string, string>();
  #playback: Playback | null = null;
  #attached = new Map<string, { element: HTMLMediaElement; detach: () => void }>();
  #master = "";
  #at = 0;
  #loading = false;
  #starting = false;

  constructor(options: DelayedOptions) {
    this.#options = options;
    this.element.hidden = true;
    this.#undo = [every(options.clock, TICK_MS, () => this.#tick()), every(options.clock, LOOK_MS, () => this.#look())];
  }

  /** What is to be seen and heard: keys of tracks, the most important first. */
  want(keys: readonly string[]): void {
    if (keys.join() === this.#wanted.join()) return;
    this.#wanted = keys;
    this.#look();
    this.#wire();
  }

  /** After a key: the browser allows sound now. */
  unblock(): void {
    if (!this.state.get().blocked) return;
    this.#playback?.setVolume(1, false);
    this.state.patch({ blocked: false });
  }

  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#wanted = [];
    this.#stop();
  }

  /** Asks for the recording when a track is missing. */
  #look(): void {
    if (this.#loading || this.#wanted.every((key) => this.#known.has(key))) return;
    this.#loading = true;
    void this.#load().finally(() => {
      this.#loading = false;
    });
  }

  async #load(): Promise<void> {
    try {
      const { tracks } = await this.#options.load();
      for (const { key, playlist_url } of tracks) if (!this.#known.has(key)) this.#known.set(key, playlist_url);
    } catch (error) {
      // Nothing is recorded yet, or the server cannot be reached: the next look asks again.
      if (!(error instanceof ApiError)) throw error;
      return;
    }
    this.#wire();
  }

  /** Plays what is wanted and known, and nothing else. */
  #wire(): void {
    const keys = this.#wanted.filter((key) => this.#known.has(key));
    if (keys.length === 0) {
      this.#stop();
      return;
    }
    if (this.#playback === null) {
      this.#playback = new Playback({ Hls, live: true, atEdge: true });
      this.#master = keys.includes(MASTER) ? MASTER : (keys[0] ?? "");
      this.#attach(this.#master, (playback, element, url) => playback.attachMaster(element, url));
    }
    for (const key of keys)
      if (!this.#attached.has(key))
        this.#attach(key, (playback, element, url) => playback.attachFollower(element, url));
    for (const key of [...this.#attached.keys()])
      if (key !== this.#master && !keys.includes(key)) {
        this.#detach(key);
      }
    this.#tell();
  }

  #attach(key: string, how: (playback: Playback, element: HTMLMediaElement, url: string) => () => void): void {
    const url = this.#known.get(key);
    if (url === undefined || this.#playback === null) return;
    const element = document.createElement(/(microphone|audio)$/.test(key) ? "audio" : "video");
    if (element instanceof HTMLVideoElement) element.playsInline = true;
    else this.element.append(element);
    this.#attached.set(key, { element, detach: how(this.#playback, element, url) });
  }

  #detach(key: string): void {
    const attached = this.#attached.get(key);
    attached?.detach();
    attached?.element.remove();
    this.#attached.delete(key);
  }

  #tell(): void {
    const pictures = new Map<string, HTMLVideoElement>();
    for (const [key, { element }] of this.#attached)
      if (element instanceof HTMLVideoElement) pictures.set(key, element);
    const before = this.state.get().pictures;
    const same = before.size === pictures.size && [...pictures].every(([key, video]) => before.get(key) === video);
    if (!same) this.state.patch({ pictures });
  }

  #stop(): void {
    for (const key of [...this.#attached.keys()]) this.#detach(key);
    this.#playback = null;
    this.#at = 0;
    this.state.patch({ pictures: new Map(), moving: false, lagMs: null });
  }

  #tick(): void {
    const playback = this.#playback;
    const master = this.#attached.get(this.#master)?.element;
    if (playback === null || master === undefined) return;
    if (playback.state.get().error !== null) {
      // It is made anew with fresh addresses.
      this.#known.clear();
      this.#stop();
      this.#look();
      return;
    }
    if (master.paused && master.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) void this.#start(playback);
    const moving = master.currentTime > this.#at;
    this.#at = master.currentTime;
    const at = playback.playingAt;
    const lagMs = at === null ? null : Math.max(0, Math.round(this.#options.serverNow() - at));
    const { moving: moved, lagMs: lag } = this.state.get();
    if (moving !== moved || lagMs !== lag) this.state.patch({ moving, lagMs });
  }

  async #start(playback: Playback): Promise<void> {
    if (this.#starting) return;
    this.#starting = true;
    if (!(await playback.play())) {
      playback.setVolume(1, true);
      if (await playback.play()) this.state.patch({ blocked: true });
    }
    this.#starting = false;
  }
}
