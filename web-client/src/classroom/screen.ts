import { h } from "./dom";

/** A picture on the wall. Its last frame stays until the next track has one, so that it never goes black. */
export class Screen {
  readonly element: HTMLElement;
  readonly #video = h("video", { playsinline: "", muted: "", autoplay: "" });
  readonly #still = h("canvas", { hidden: "" });
  readonly #name = h("span", { class: "screen-name" });
  #track: MediaStreamTrack | null = null;
  #cover: HTMLVideoElement | null = null;
  #fresh = false;
  /** Called when the picture of a new track is there. */
  onPicture: () => void = () => undefined;

  constructor(className: string) {
    this.#video.muted = true;
    this.element = h("div", { class: `screen ${className}` }, this.#video, this.#still, this.#name);
  }

  /** Whether a picture, moving or still, is on it. */
  get hasPicture(): boolean {
    return this.covered || (this.#track !== null && (this.#video.videoWidth > 0 || !this.#still.hidden));
  }

  /** Whether a picture of the track itself has come. */
  get fresh(): boolean {
    return this.#fresh;
  }

  /** Whether the lesson by HLS has a picture on it. */
  get covered(): boolean {
    return this.#cover !== null && this.#cover.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  /** Whether anything is on it. */
  get used(): boolean {
    return this.#track !== null || this.#cover !== null;
  }

  /** Lays a video that plays by itself over the picture; null uncovers what is below. */
  cover(video: HTMLVideoElement | null): void {
    if (video === this.#cover) return;
    this.#cover?.remove();
    this.#cover = video;
    if (video === null) return;
    video.setAttribute("aria-label", this.#name.textContent);
    this.#still.after(video);
  }

  /** The track on it. */
  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  /** Shows a track; null takes the picture away. */
  show(track: MediaStreamTrack | null, name: string): void {
    if (this.#name.textContent !== name) {
      this.#name.textContent = name;
      this.#video.setAttribute("aria-label", name);
    }
    if (track === this.#track) return;
    this.#fresh = false;
    if (track === null) {
      this.#still.hidden = true;
      this.#video.srcObject = null;
    } else {
      this.#freeze();
      this.#video.srcObject = new MediaStream([track]);
      void this.#video.play().catch(() => undefined);
      const seen = (): void => {
        if (this.#track !== track) return;
        this.#still.hidden = true;
        this.#fresh = true;
        this.onPicture();
      };
      // Older browsers lack the callback; there the event comes a little early.
      if ("requestVideoFrameCallback" in this.#video) this.#video.requestVideoFrameCallback(seen);
      else (this.#video as HTMLVideoElement).addEventListener("playing", seen, { once: true });
    }
    this.#track = track;
  }

  destroy(): void {
    this.cover(null);
    this.#track = null;
    this.#video.srcObject = null;
  }

  #freeze(): void {
    const { videoWidth, videoHeight } = this.#video;
    if (videoWidth === 0) return;
    this.#still.width = videoWidth;
    this.#still.height = videoHeight;
    this.#still.getContext("2d")?.drawImage(this.#video, 0, 0);
    this.#still.hidden = false;
  }
}

/** Plays sound tracks; tells when the browser wants a key first. */
export class Sounds {
  readonly element = h("div", { hidden: "" });
  blocked = false;
  readonly #playing = new Map<string, HTMLAudioElement>();

  /** Plays exactly these. */
  play(tracks: ReadonlyMap<string, MediaStreamTrack>): void {
    for (const [id, audio] of this.#playing) {
      const track = tracks.get(id);
      if (track !== undefined && (audio.srcObject as MediaStream | null)?.getAudioTracks()[0] === track) continue;
      audio.srcObject = null;
      audio.remove();
      this.#playing.delete(id);
    }
    for (const [id, track] of tracks) {
      if (this.#playing.has(id)) continue;
      const audio = h("audio");
      audio.srcObject = new MediaStream([track]);
      this.#playing.set(id, audio);
      this.element.append(audio);
      this.#start(audio);
    }
    if (tracks.size === 0) this.blocked = false;
  }

  /** After a key: the browser allows sound now. */
  unblock(): void {
    for (const audio of this.#playing.values()) if (audio.paused) this.#start(audio);
  }

  destroy(): void {
    this.play(new Map());
  }

  #start(audio: HTMLAudioElement): void {
    audio.play().then(
      () => {
        this.blocked = false;
      },
      (error: unknown) => {
        if (error instanceof Error && error.name === "NotAllowedError") this.blocked = true;
      },
    );
  }
}
