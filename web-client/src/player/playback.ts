import type Hls from "hls.js";
import type { ErrorData } from "hls.js";
import { Store } from "../live/store";
import { correction } from "./correction";

const TICK_MS = 100;
/** A live replay is "at the end" when it is no further behind than this besides the distance the server asks for. */
const AT_LIVE_S = 2;
/** After this many media errors in a row the player gives up and says so. */
const RECOVERIES = 4;

export interface PlaybackState {
  playing: boolean;
  buffering: boolean;
  timeMs: number;
  durationMs: number;
  bufferedMs: number;
  rate: number;
  volume: number;
  muted: boolean;
  /** hls.js's word for what went wrong for good. */
  error: string | null;
  atLive: boolean;
}

/** How a lesson is played. */
export interface PlaybackOptions {
  /** hls.js, the whole of it or its light build, which is enough where every stream has a playlist of its own. */
  Hls: typeof Hls;
  /** The recording is still being written. */
  live: boolean;
  /** Begin at the end of what is written, and stay there. */
  atEdge?: boolean;
}

interface Attached {
  hls: Hls;
  element: HTMLMediaElement;
  recoveries: number;
}

/** Several HLS streams of one lesson in step: the master's clock counts, the others are corrected to it. */
export class Playback {
  readonly state = new Store<PlaybackState>({
    playing: false,
    buffering: true,
    timeMs: 0,
    durationMs: 0,
    bufferedMs: 0,
    rate: 1,
    volume: 1,
    muted: false,
    error: null,
    atLive: false,
  });
  readonly #options: PlaybackOptions;
  readonly #followers = new Map<HTMLMediaElement, Attached>();
  #master: Attached | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: PlaybackOptions) {
    this.#options = options;
  }

  /** When what plays now happened, Unix time in ms by the server's clock; null while it is not known. */
  get playingAt(): number | null {
    return this.#master?.hls.playingDate?.getTime() ?? null;
  }

  /** Plays `url` in `element`, which gives the clock and is the one that sounds. The returned function takes it off. */
  attachMaster(element: HTMLMediaElement, url: string): () => void {
    const { atEdge } = this.#options;
    const master = this.#attach(element, url, atEdge === true ? EDGE : { startPosition: this.#beginS });
    this.#followEdge(atEdge === true, master);
    this.#master = master;
    const update = (): void => this.#update();
    const events = [
      "play",
      "pause",
      "timeupdate",
      "durationchange",
      "waiting",
      "playing",
      "seeking",
      "seeked",
      "progress",
    ];
    for (const name of events) element.addEventListener(name, update);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    return () => {
      clearInterval(this.#timer);
      for (const name of events) element.removeEventListener(name, update);
      this.#detach(master);
      this.#master = null;
    };
  }

  /** Plays `url` in `element` in step with the master. The returned function takes it off. */
  attachFollower(element: HTMLMediaElement, url: string): () => void {
    const at = this.#master?.element.currentTime ?? 0;
    const startPosition = this.#options.atEdge === true && at === 0 ? EDGE.startPosition : Math.max(at, this.#beginS);
    const follower = this.#attach(element, url, { startPosition });
    this.#followers.set(element, follower);
    return () => {
      this.#followers.delete(element);
      this.#detach(follower);
    };
  }

  /** Plays; tells whether the browser let it. */
  async play(): Promise<boolean> {
    try {
      await this.#master?.element.play();
      return true;
    } catch {
      return false;
    }
  }

  /** Plays or pauses. */
  toggle(): void {
    const element = this.#master?.element;
    if (element === undefined) return;
    if (element.paused) void this.play();
    else this.pause();
  }

  pause(): void {
    this.#followEdge(false);
    this.#master?.element.pause();
  }

  /** Goes to a class time. */
  seek(ms: number): void {
    const element = this.#master?.element;
    if (element === undefined) return;
    this.#followEdge(false);
    this.#goTo(ms);
  }

  #goTo(ms: number): void {
    const element = this.#master?.element;
    if (element === undefined) return;
    const end = Number.isFinite(element.duration) ? element.duration : Infinity;
    element.currentTime = Math.max(this.#beginS, Math.min(ms / 1000, end - 0.05));
    this.#tick();
    this.#update();
  }

  /** Goes on or back by that much. */
  skip(ms: number): void {
    this.seek(this.state.get().timeMs + ms);
  }

  /** To the end of a recording that is still being written, and on with it. */
  toLive(): void {
    const position = this.#master?.hls.liveSyncPosition;
    if (position !== null && position !== undefined) this.#goTo(position * 1000);
    this.setRate(1);
    this.#followEdge(true);
    void this.play();
  }

  setRate(rate: number): void {
    this.#followEdge(false);
    if (this.#master !== null) this.#master.element.playbackRate = rate;
    this.state.patch({ rate });
  }

  setVolume(volume: number, muted: boolean): void {
    for (const { element } of this.#all()) {
      element.volume = volume;
      element.muted = muted;
    }
    this.state.patch({ volume, muted });
  }

  /** Tries again after an error. */
  retry(): void {
    this.state.patch({ error: null });
    for (const attached of this.#all()) {
      attached.recoveries = 0;
      attached.hls.startLoad();
      attached.hls.recoverMediaError();
    }
  }

  /** The first moment that may be asked for, in seconds. */
  get #beginS(): number {
    return this.#options.live ? LIVE_BEGIN_S : 0;
  }

  /** At the end, falling behind is made good by playing a little faster, or by a jump when it is much. */
  #followEdge(follow: boolean, attached = this.#master): void {
    if (attached === null || !this.#options.live) return;
    const { config } = attached.hls;
    config.maxLiveSyncPlaybackRate = follow ? CATCH_UP_RATE : 1;
    // As a setting of the constructor it would want the distance to the end set too, which the playlist knows better.
    config.liveMaxLatencyDurationCount = follow ? JUMP_TARGETS : Infinity;
  }

  #all(): Attached[] {
    return this.#master === null ? [...this.#followers.values()] : [this.#master, ...this.#followers.values()];
  }

  #attach(element: HTMLMediaElement, url: string, from: { startPosition: number }): Attached {
    const { Hls, live } = this.#options;
    const hls = new Hls({
      ...from,
      lowLatencyMode: live,
      maxBufferLength: 20,
      maxMaxBufferLength: 60,
      backBufferLength: 60,
      // A line that drops while somebody watches comes back by itself.
      fragLoadPolicy: { default: PATIENT },
      playlistLoadPolicy: { default: PATIENT },
      manifestLoadPolicy: { default: PATIENT },
    });
    const attached: Attached = { hls, element, recoveries: 0 };
    hls.on(Hls.Events.ERROR, (_, data) => this.#failed(attached, data));
    hls.on(Hls.Events.FRAG_BUFFERED, () => {
      attached.recoveries = 0;
    });
    hls.loadSource(url);
    hls.attachMedia(element);
    const { volume, muted } = this.state.get();
    element.volume = volume;
    element.muted = muted;
    return attached;
  }

  #detach(attached: Attached): void {
    attached.hls.destroy();
    attached.element.removeAttribute("src");
  }

  #failed(attached: Attached, data: ErrorData): void {
    if (!data.fatal) return;
    if (attached.recoveries++ < RECOVERIES) {
      if (data.type === this.#options.Hls.ErrorTypes.MEDIA_ERROR) attached.hls.recoverMediaError();
      else attached.hls.startLoad();
    } else if (attached === this.#master) {
      this.state.patch({ error: data.details });
    }
  }

  #tick(): void {
    const master = this.#master?.element;
    if (master === undefined) return;
    const playing = !master.paused && !master.seeking && master.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    for (const { element } of this.#followers.values()) {
      if (playing && element.paused) void element.play().catch(() => undefined);
      else if (!playing && !element.paused) element.pause();
      if (element.seeking || element.readyState < HTMLMediaElement.HAVE_METADATA) continue;
      const step = correction(element.currentTime - master.currentTime, playing);
      if (step.kind === "jump") {
        element.currentTime = master.currentTime;
        element.playbackRate = master.playbackRate;
      } else {
        const rate = master.playbackRate * step.factor;
        if (Math.abs(element.playbackRate - rate) > 0.005) element.playbackRate = rate;
      }
    }
    this.#update();
  }

  #update(): void {
    const attached = this.#master;
    if (attached === null) return;
    const { element, hls } = attached;
    const duration = Number.isFinite(element.duration) ? element.duration : 0;
    const ranges = element.buffered;
    let buffered = 0;
    for (let index = 0; index < ranges.length; index++)
      if (ranges.start(index) <= element.currentTime + 0.5) buffered = Math.max(buffered, ranges.end(index));
    const next = {
      ...this.state.get(),
      playing: !element.paused && !element.ended,
      buffering: !element.paused && element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && !element.ended,
      timeMs: Math.round(element.currentTime * 1000),
      durationMs: Math.round(duration * 1000),
      bufferedMs: Math.round(buffered * 1000),
      atLive: this.#options.live && (hls.liveSyncPosition ?? duration) - element.currentTime < AT_LIVE_S,
    };
    if (JSON.stringify(next) !== JSON.stringify(this.state.get())) this.state.set(next);
  }
}

/** hls.js's word for the end of what is written. */
const EDGE = { startPosition: -1 };
/**
 * hls.js puts the playlists of picture and sound in line by their dates, which are rounded to a millisecond. Asked for a
 * moment before a playlist's first one it loads the end of a lesson that is still running: of two playlists that begin
 * together one may begin a moment "later", so nothing is asked for at zero.
 */
const LIVE_BEGIN_S = 0.05;
const CATCH_UP_RATE = 1.1;
/** So many target durations behind it jumps. */
const JUMP_TARGETS = 4;

const PATIENT = {
  maxTimeToFirstByteMs: 8_000,
  maxLoadTimeMs: 60_000,
  timeoutRetry: { maxNumRetry: 6, retryDelayMs: 0, maxRetryDelayMs: 2_000 },
  errorRetry: { maxNumRetry: 20, retryDelayMs: 500, maxRetryDelayMs: 3_000 },
};
