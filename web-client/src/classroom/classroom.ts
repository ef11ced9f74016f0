import { joinTokens } from "../api/join-token";
import { systemClock } from "../live/clock";
import { CLASSROOM_SIZES, Devices, localMemory } from "../live/devices";
import { LevelMeter } from "../live/level-meter";
import { LiveSession, newInstance } from "../live/live-session";
import { CLASSROOM_ENCODINGS } from "../live/media-session";
import { localLine } from "../live/relays";
import { signalTransport } from "../live/transport";
import { CardView } from "./card";
import type { View } from "./dom";
import { LessonView } from "./lesson";
import { PairingView } from "./pairing";
import type { TerminalFeed } from "./terminal-feed";
import { WaitingView } from "./waiting";
import { fill, words } from "./words";

/** How long the end of a lesson is shown. */
const END_MS = 12_000;
/** A camera or microphone that gives nothing is tried again after this time. */
const DEVICES_MS = 10_000;
/** A lesson that refused this screen is asked again after this time, if the timetable still says so. */
const AGAIN_MS = 5_000;

type Showing = "starting" | "pairing" | "waiting" | "lesson" | "taken" | "end";

/** The page of a classroom's screen: pairs once, then follows the timetable by itself. */
export class Classroom {
  readonly #root: HTMLElement;
  readonly #feed: TerminalFeed;
  readonly #devices: Devices;
  readonly #instance = newInstance();
  #showing: Showing = "starting";
  #view: View | null = null;
  #lesson: { id: string; session: LiveSession } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refused = { lesson: "", until: 0 };
  #context: AudioContext | null = null;
  #meter: { track: MediaStreamTrack; meter: LevelMeter } | null = null;

  constructor(root: HTMLElement, feed: TerminalFeed) {
    this.#root = root;
    this.#feed = feed;
    const media = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
    this.#devices = new Devices(media, CLASSROOM_SIZES, localMemory("tongke.classroom.devices"));
    feed.state.subscribe(() => this.#follow());
    setInterval(() => {
      this.#follow();
      this.#view?.update();
    }, 1_000);
    setInterval(() => this.#devices.retry(), DEVICES_MS);
    window.addEventListener("online", () => {
      this.#lesson?.session.connection.nudge();
      void feed.refresh();
    });
    window.addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("pointermove", () => this.#pointer());
    window.addEventListener("pointerdown", () => this.#pointer());
    this.#follow();
  }

  #follow(): void {
    const feed = this.#feed.state.get();
    if (feed.kind === "unpaired") {
      this.#leave();
      if (this.#showing !== "pairing")
        this.#show("pairing", new PairingView(feed.was, () => void this.#feed.refresh()));
      return;
    }
    if (feed.kind === "paired" && this.#devices.state.get().camera.state === "off") {
      void this.#devices.startCamera();
      void this.#devices.startMicrophone();
    }
    if (this.#showing === "end" || this.#showing === "taken") return;
    const current = feed.kind === "paired" ? (feed.terminal.current?.id ?? null) : null;
    const lost = feed.kind === "paired" && feed.lostSince !== null;
    if (this.#lesson !== null) {
      // The lesson's own line tells its end; the timetable only when it says something else while it can be reached.
      if (!lost && current !== this.#lesson.id && this.#lesson.session.connection.state.get().kind !== "up")
        this.#ended();
      return;
    }
    if (current !== null && !(this.#refused.lesson === current && Date.now() < this.#refused.until))
      this.#join(current);
    else if (this.#showing !== "waiting") this.#wait();
  }

  #wait(): void {
    this.#show(
      "waiting",
      new WaitingView(
        () => this.#feed.state.get(),
        this.#devices,
        () => this.#level(),
        () => this.#beep(),
      ),
    );
  }

  #join(lesson: string): void {
    this.#closeMeter();
    const session = new LiveSession({
      clock: systemClock,
      random: Math.random,
      open: signalTransport("/signal"),
      createPeerConnection: (iceServers) => new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers }),
      token: joinTokens(lesson),
      instance: this.#instance,
      encodings: CLASSROOM_ENCODINGS,
      devices: this.#devices,
      watch: [
        { who: "teacher", sources: [], height: window.screen.height, priority: 255 },
        { who: "stage", sources: [], height: Math.round(window.screen.height / 4), priority: 128 },
      ],
      line: localLine(),
      audioContext: () => new AudioContext(),
      cores: navigator.hardwareConcurrency,
    });
    this.#lesson = { id: lesson, session };
    session.publishing.patch({ on: true, microphoneOpen: false });
    session.connection.state.subscribe(() => this.#line(session));
    session.room.subscribe(() => {
      const state = session.room.get()?.room.lesson.state;
      if (this.#lesson?.session === session && (state === "ended" || state === "archived" || state === "cancelled"))
        this.#ended();
    });
    this.#show("lesson", new LessonView(session, this.#devices));
  }

  /** The server ended this screen's part in the lesson. */
  #line(session: LiveSession): void {
    const state = session.connection.state.get();
    if (state.kind !== "stopped" || this.#lesson?.session !== session) return;
    switch (state.code) {
      case "seat_taken":
        this.#leave();
        this.#show(
          "taken",
          new CardView(words.seatTaken, [words.seatTakenHint], { name: words.takeOver, press: () => this.#wait() }),
        );
        break;
      case "version":
        // The server is newer than this page, which nobody reloads.
        setTimeout(() => window.location.reload(), AGAIN_MS);
        break;
      case "ended":
        this.#ended();
        break;
      default:
        this.#refused = { lesson: this.#lesson.id, until: Date.now() + AGAIN_MS };
        this.#leave();
        void this.#feed.refresh();
        this.#wait();
    }
  }

  #ended(): void {
    this.#refused = { lesson: this.#lesson?.id ?? "", until: Date.now() + END_MS };
    this.#leave();
    const feed = this.#feed.state.get();
    const next = feed.kind === "paired" ? feed.terminal.upcoming[0] : undefined;
    const lines = [words.endThanks];
    if (next !== undefined) lines.push(fill(words.endNext, { lesson: `${next.subject} · ${next.title}` }));
    this.#show("end", new CardView(words.endTitle, lines, null));
    void this.#feed.refresh();
    this.#timer = setTimeout(() => {
      this.#wait();
      this.#follow();
    }, END_MS);
  }

  #leave(): void {
    this.#lesson?.session.close();
    this.#lesson = null;
  }

  #show(showing: Showing, view: View): void {
    clearTimeout(this.#timer);
    this.#view?.destroy();
    this.#showing = showing;
    this.#view = view;
    this.#root.dataset["showing"] = showing;
    this.#root.replaceChildren(view.element);
    view.update();
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // OK presses the button that has the focus; the browser does that.
    const focused = document.activeElement;
    const onButton = (event.key === "Enter" || event.key === " ") && focused instanceof HTMLButtonElement;
    if (onButton && this.#showing !== "lesson") return;
    if (onButton && this.#view instanceof LessonView && focused.closest("[inert]") === null) {
      this.#view.pointer();
      return;
    }
    if (this.#view?.key(event) === true) event.preventDefault();
  }

  #pointer(): void {
    if (this.#view instanceof LessonView) this.#view.pointer();
  }

  /** The own microphone between lessons; in a lesson its session measures it. */
  #level(): number {
    const track = this.#devices.state.get().microphone.track;
    if (this.#meter !== null && this.#meter.track !== track) this.#closeMeter();
    if (track === null) return 0;
    this.#context ??= new AudioContext();
    this.#meter ??= { track, meter: new LevelMeter(this.#context, track) };
    return this.#meter.meter.read();
  }

  #closeMeter(): void {
    this.#meter?.meter.close();
    this.#meter = null;
  }

  /** Two notes, to hear whether the loudspeaker works. */
  #beep(): void {
    const context = (this.#context ??= new AudioContext());
    void context.resume();
    for (const [index, pitch] of [523.25, 783.99].entries()) {
      const tone = context.createOscillator();
      const gain = context.createGain();
      const from = context.currentTime + index * 0.35;
      tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0.25, from);
      gain.gain.exponentialRampToValueAtTime(0.001, from + 0.35);
      tone.connect(gain).connect(context.destination);
      tone.start(from);
      tone.stop(from + 0.35);
    }
  }
}
