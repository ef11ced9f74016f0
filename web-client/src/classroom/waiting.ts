import type { Lesson } from "../api/client";
import { deviceHow } from "../live/browser";
import type { Devices, LocalDevice } from "../live/devices";
import { duration } from "../words/format";
import { button, h, moveFocus, setText, show, type View } from "./dom";
import { Screen } from "./screen";
import type { FeedState } from "./terminal-feed";
import { dayWord, fill, timeOfDay, words } from "./words";

/** So long nobody is told that the server does not answer: it is still being asked. */
const PATIENCE_MS = 3_000;
/** A countdown is shown when the lesson is nearer than this. */
const SOON_MS = 12 * 3_600_000;

/** Between lessons: the clock, what comes next, the own camera, and how the machine is. */
export class WaitingView implements View {
  readonly element: HTMLElement;
  readonly #feed: () => FeedState;
  readonly #devices: Devices;
  readonly #level: () => number;
  readonly #clock = h("time", { class: "wait-clock" });
  readonly #date = h("p", { class: "wait-date" });
  readonly #place = h("p", { class: "wait-place two-lines" });
  readonly #heading = h("p", { class: "wait-heading" });
  readonly #title = h("p", { class: "wait-title two-lines" });
  readonly #detail = h("p", { class: "wait-detail two-lines" });
  readonly #countdown = h("p", { class: "wait-countdown" });
  readonly #later = h("ol", { class: "wait-later" });
  readonly #camera = new Screen("wait-camera");
  readonly #cameraNone = h("p", { class: "wait-none", role: "status" });
  readonly #cameraHint = h("figcaption", {}, words.helpHint);
  readonly #status = h("p", { class: "wait-status", role: "status" });
  readonly #health: Record<"network" | "camera" | "microphone", HTMLElement>;
  readonly #meter = h("i", { class: "meter" }, h("b"));
  #laterKey = "";

  constructor(feed: () => FeedState, devices: Devices, level: () => number, soundTest: () => void) {
    this.#feed = feed;
    this.#devices = devices;
    this.#level = level;
    const light = (name: string): HTMLElement => h("span", { class: "health", "data-good": "" }, name);
    this.#health = { network: light(words.network), camera: light(words.camera), microphone: light(words.microphone) };
    this.element = h(
      "section",
      { class: "wait" },
      h("h1", { class: "visually-hidden" }, words.title),
      h("header", { class: "wait-head" }, h("div", { class: "wait-now" }, this.#clock, this.#date), this.#place),
      h("div", { class: "wait-next" }, this.#heading, this.#title, this.#detail, this.#countdown, this.#later),
      h(
        "figure",
        { class: "wait-self" },
        this.#camera.element,
        this.#cameraNone,
        this.#cameraHint,
        h("p", {}, words.help),
      ),
      h(
        "footer",
        { class: "wait-foot" },
        this.#status,
        this.#health.network,
        this.#health.camera,
        this.#health.microphone,
        this.#meter,
        button(words.soundTest, { class: "foot-button" }, soundTest),
      ),
    );
  }

  update(): void {
    const feed = this.#feed();
    const paired = feed.kind === "paired" ? feed : null;
    const now = Date.now() + (paired?.offsetMs ?? 0);
    setText(this.#clock, timeOfDay(now));
    const date = new Date(now);
    setText(
      this.#date,
      `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()} ${words.days[date.getDay()] ?? ""}`,
    );
    const room = paired?.terminal.classroom;
    setText(this.#place, room === undefined ? "" : `${room.name} · ${room.school.name}`);
    this.#place.title = this.#place.textContent;
    const lost = paired?.lostSince ?? null;
    const asking = feed.kind === "unknown" && Date.now() - feed.since < PATIENCE_MS;
    const silent = feed.kind === "unknown" ? (asking ? null : feed.since) : lost;
    setText(this.#status, silent === null ? "" : fill(words.offline, { time: duration(Date.now() - silent) }));
    show(this.#status, silent !== null);
    this.#lessons(paired?.terminal.upcoming ?? [], paired !== null, now);
    this.#machine(asking ? "asking" : silent === null ? "good" : "bad");
  }

  key(event: KeyboardEvent): boolean {
    return moveFocus(this.element, event.key);
  }

  destroy(): void {
    this.#camera.destroy();
  }

  #lessons(upcoming: readonly Lesson[], known: boolean, now: number): void {
    const [next, ...later] = upcoming;
    setText(this.#heading, next === undefined ? "" : words.next);
    setText(
      this.#title,
      next === undefined ? (known ? words.noLessons : words.connecting) : `${next.subject} · ${next.title}`,
    );
    setText(
      this.#detail,
      next === undefined
        ? known
          ? words.noLessonsHint
          : ""
        : `${fill(words.teacherName, { name: next.teacher })} · ${next.school.name}`,
    );
    if (next === undefined) setText(this.#countdown, "");
    else {
      const start = Date.parse(next.starts_at);
      const left = start - now;
      const when = `${dayWord(start, now)} ${timeOfDay(start)}`;
      const rest = left <= 0 ? words.startsNow : left < SOON_MS ? fill(words.startsIn, { time: duration(left) }) : "";
      setText(this.#countdown, rest === "" ? when : `${when} · ${rest}`);
    }
    const key = later.map((lesson) => lesson.id + lesson.starts_at).join();
    if (key === this.#laterKey) return;
    this.#laterKey = key;
    this.#later.replaceChildren(
      ...later.slice(0, 2).map((lesson) => {
        const start = Date.parse(lesson.starts_at);
        const text = `${dayWord(start, now)} ${timeOfDay(start)}  ${lesson.subject} · ${lesson.title}`;
        return h("li", { class: "one-line", title: text }, text);
      }),
    );
  }

  #machine(network: Word): void {
    const { camera, microphone } = this.#devices.state.get();
    this.#camera.show(camera.track, words.self);
    show(this.#camera.element, camera.track !== null);
    show(this.#cameraHint, camera.track !== null);
    const trouble = howTo(camera, words.camera);
    setText(this.#cameraNone, trouble);
    show(this.#cameraNone, camera.track === null && trouble !== "");
    set(this.#health.network, words.network, network);
    set(this.#health.camera, words.camera, wordOf(camera));
    set(this.#health.microphone, words.microphone, wordOf(microphone));
    this.#meter.style.setProperty("--level", String(this.#level() / 100));
    show(this.#meter, microphone.track !== null);
  }
}

type Word = "good" | "asking" | "off" | "denied" | "bad";

function wordOf(device: LocalDevice): Word {
  if (device.state === "on") return "good";
  if (device.state === "off" || device.state === "asking") return "asking";
  if (device.trouble === "missing") return "off";
  return device.trouble === "denied" || device.trouble === "insecure" ? "denied" : "bad";
}

/** What to do about a device that gives nothing, in the browser in use. */
function howTo(device: LocalDevice, what: string): string {
  switch (device.trouble) {
    case null:
      return "";
    case "missing":
      return fill(words.missingHow, { what });
    case "denied":
      return fill(words.deniedHow, { what, how: fill(words[deviceHow(navigator.userAgent)], { what }) });
    case "insecure":
      return fill(words.insecureHow, { what });
    default:
      return fill(words.badHow, { what });
  }
}

function set(element: HTMLElement, name: string, word: Word): void {
  element.dataset["good"] = word === "good" ? "yes" : word === "asking" ? "wait" : "no";
  setText(element, `${name} ${words[word]}`);
}
