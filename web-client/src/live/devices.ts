import type { Source } from "../generated/signal/Source";
import { Store } from "./store";

/** Why a device gives nothing. Pages have a text for each, by browser for `denied`. */
export type DeviceTrouble = "denied" | "missing" | "busy" | "insecure" | "cancelled" | "failed";

/** A camera, microphone or screen that is captured here. */
export interface LocalDevice {
  state: "off" | "asking" | "on" | "failed";
  track: MediaStreamTrack | null;
  /** What the system calls it. */
  label: string;
  trouble: DeviceTrouble | null;
}

export type LocalSource = Extract<Source, "camera" | "microphone" | "screen" | "screen_audio" | "document">;
export type LocalDevices = Record<LocalSource, LocalDevice>;

/** What is chosen, kept for the next time. */
export interface DeviceChoice {
  camera?: string;
  microphone?: string;
  document?: string;
  /** The document camera was on. */
  documentOn?: boolean;
  /** A screen was shared: it needs a click to be shared again after a reload. */
  screenOn?: boolean;
}

/** Picture sizes asked for. */
export interface CaptureSizes {
  camera: MediaTrackConstraints;
  document: MediaTrackConstraints;
}

export const TEACHER_SIZES: CaptureSizes = {
  camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
  document: { width: { ideal: 1920 }, height: { ideal: 1080 }, frameRate: { ideal: 15, max: 30 } },
};

export const CLASSROOM_SIZES: CaptureSizes = {
  camera: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 25, max: 30 } },
  document: TEACHER_SIZES.document,
};

const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const OFF: LocalDevice = { state: "off", track: null, label: "", trouble: null };

/** Maps what getUserMedia throws to the word pages have a text for. */
export function troubleOf(error: unknown): DeviceTrouble {
  const name = error instanceof Error ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return "denied";
    case "SecurityError":
      return "insecure";
    case "NotFoundError":
    case "OverconstrainedError":
    case "DevicesNotFoundError":
      return "missing";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "busy";
    default:
      return "failed";
  }
}

/** The part of `navigator.mediaDevices` that is used; undefined on insecure pages. */
export type MediaDevicesApi = Pick<
  MediaDevices,
  "getUserMedia" | "getDisplayMedia" | "enumerateDevices" | "addEventListener" | "removeEventListener"
>;

/** Keeps the choice between visits. */
export interface ChoiceMemory {
  load(): DeviceChoice;
  save(choice: DeviceChoice): void;
}

/** Remembers in the browser, under `key`. */
export function localMemory(key: string): ChoiceMemory {
  return {
    load: () => {
      try {
        return JSON.parse(localStorage.getItem(key) ?? "{}") as DeviceChoice;
      } catch {
        return {};
      }
    },
    save: (choice) => {
      try {
        localStorage.setItem(key, JSON.stringify(choice));
      } catch {
        // Storage may be full or forbidden: the choice then lasts as long as the page.
      }
    },
  };
}

/** Cameras, microphones and screens of this machine. A device that was pulled out is taken up again when it is back. */
export class Devices {
  readonly state = new Store<LocalDevices>({
    camera: OFF,
    microphone: OFF,
    screen: OFF,
    screen_audio: OFF,
    document: OFF,
  });
  /** What there is to choose from. */
  readonly known = new Store<readonly MediaDeviceInfo[]>([]);
  readonly #api: MediaDevicesApi | undefined;
  readonly #sizes: CaptureSizes;
  readonly #memory: ChoiceMemory;
  /** Sources that should be on, also while their device is away. */
  readonly #wanted = new Set<LocalSource>();
  #choice: DeviceChoice;

  constructor(api: MediaDevicesApi | undefined, sizes: CaptureSizes, memory: ChoiceMemory) {
    this.#api = api;
    this.#sizes = sizes;
    this.#memory = memory;
    this.#choice = memory.load();
    api?.addEventListener("devicechange", this.#changed);
  }

  /** What was chosen, also in an earlier visit. */
  get choice(): DeviceChoice {
    return this.#choice;
  }

  /** Turns the camera on, the one named or the one of the last time. */
  startCamera(deviceId?: string): Promise<void> {
    if (deviceId !== undefined) this.#remember({ camera: deviceId });
    const constraints = () => ({ video: { ...this.#sizes.camera, ...which(this.#choice.camera) } });
    return this.#capture("camera", constraints, () => ({ video: true }));
  }

  /** Turns the microphone on. */
  startMicrophone(deviceId?: string): Promise<void> {
    if (deviceId !== undefined) this.#remember({ microphone: deviceId });
    const constraints = () => ({ audio: { ...SOUND, ...which(this.#choice.microphone) } });
    return this.#capture("microphone", constraints, () => ({ audio: SOUND }));
  }

  /** Turns a second camera on as the document camera; by default one that is not the first. */
  startDocument(deviceId?: string): Promise<void> {
    if (deviceId !== undefined) this.#remember({ document: deviceId });
    const chosen = this.#choice.document ?? this.#otherCamera();
    this.#remember({ documentOn: true });
    const constraints = () => ({ video: { ...this.#sizes.document, ...which(chosen) } });
    return this.#capture("document", constraints, () => ({ video: this.#sizes.document }));
  }

  /** Shares a screen; only from within a click or key. */
  async startScreen(): Promise<void> {
    if (this.#api === undefined) {
      this.#fail("screen", "insecure");
      return;
    }
    this.#put("screen", { ...this.state.get().screen, state: "asking", trouble: null });
    try {
      const video = { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 30 } };
      const stream = await this.#api.getDisplayMedia({ video, audio: true });
      this.stop("screen");
      this.#remember({ screenOn: true });
      this.#take("screen", stream.getVideoTracks()[0]);
      const sound = stream.getAudioTracks()[0];
      if (sound !== undefined) this.#take("screen_audio", sound);
    } catch (error) {
      // Closing the browser's own chooser is no trouble.
      const trouble = troubleOf(error);
      this.#fail("screen", trouble === "denied" ? "cancelled" : trouble);
    }
  }

  /** Turns a source off. */
  stop(source: LocalSource): void {
    this.#wanted.delete(source);
    if (source === "screen") {
      this.#remember({ screenOn: false });
      this.stop("screen_audio");
    }
    if (source === "document") this.#remember({ documentOn: false });
    this.#release(source);
    this.#put(source, OFF);
  }

  /** Turns everything off without forgetting what was on. */
  close(): void {
    this.#api?.removeEventListener("devicechange", this.#changed);
    this.#wanted.clear();
    for (const source of ["camera", "microphone", "screen", "screen_audio", "document"] as const) {
      this.#release(source);
      this.#put(source, OFF);
    }
  }

  async #capture(
    source: "camera" | "microphone" | "document",
    first: () => MediaStreamConstraints,
    relaxed: () => MediaStreamConstraints,
  ): Promise<void> {
    this.#wanted.add(source);
    const api = this.#api;
    if (api === undefined) {
      this.#fail(source, "insecure");
      return;
    }
    this.#put(source, { ...this.state.get()[source], state: "asking", trouble: null });
    try {
      let stream: MediaStream;
      try {
        stream = await api.getUserMedia(first());
      } catch (error) {
        // The device of the last time is not there, or cannot do the size: take what there is.
        if (troubleOf(error) !== "missing") throw error;
        stream = await api.getUserMedia(relaxed());
      }
      const track = stream.getTracks()[0];
      if (!this.#wanted.has(source)) {
        track?.stop();
        return;
      }
      this.#take(source, track);
    } catch (error) {
      this.#fail(source, troubleOf(error));
    }
    await this.#enumerate();
  }

  #take(source: LocalSource, track: MediaStreamTrack | undefined): void {
    if (track === undefined) {
      this.#fail(source, "missing");
      return;
    }
    this.#release(source);
    this.#wanted.add(source);
    if (source === "screen" || source === "document") track.contentHint = "detail";
    if (source === "microphone") track.contentHint = "speech";
    track.addEventListener("ended", () => {
      if (this.state.get()[source].track !== track) return;
      if (source === "screen" || source === "screen_audio") this.stop(source);
      else this.#fail(source, "missing");
    });
    this.#put(source, { state: "on", track, label: track.label, trouble: null });
  }

  /** Tries once more what gives nothing for a reason that may pass: for screens that nobody looks after. */
  retry(): void {
    const passes = (source: LocalSource): boolean => {
      const { trouble } = this.state.get()[source];
      return trouble === "busy" || trouble === "failed" || trouble === "missing";
    };
    this.#again(passes);
  }

  readonly #changed = (): void => {
    void this.#enumerate();
    this.#again(() => true);
  };

  #again(chosen: (source: LocalSource) => boolean): void {
    const failed = (source: LocalSource): boolean =>
      this.#wanted.has(source) && this.state.get()[source].state === "failed" && chosen(source);
    if (failed("camera")) void this.startCamera();
    if (failed("microphone")) void this.startMicrophone();
    if (failed("document")) void this.startDocument();
  }

  async #enumerate(): Promise<void> {
    try {
      this.known.set((await this.#api?.enumerateDevices()) ?? []);
    } catch {
      this.known.set([]);
    }
  }

  #otherCamera(): string | undefined {
    const used = this.state.get().camera.track?.getSettings().deviceId;
    return this.known.get().find((device) => device.kind === "videoinput" && device.deviceId !== used)?.deviceId;
  }

  #remember(change: DeviceChoice): void {
    this.#choice = { ...this.#choice, ...change };
    this.#memory.save(this.#choice);
  }

  #release(source: LocalSource): void {
    this.state.get()[source].track?.stop();
  }

  #fail(source: LocalSource, trouble: DeviceTrouble): void {
    this.#release(source);
    this.#put(source, { state: trouble === "cancelled" ? "off" : "failed", track: null, label: "", trouble });
  }

  #put(source: LocalSource, device: LocalDevice): void {
    this.state.patch({ [source]: device });
  }
}

function which(deviceId: string | undefined): MediaTrackConstraints {
  return deviceId === undefined || deviceId === "" ? {} : { deviceId: { exact: deviceId } };
}
