import type { Peer } from "../generated/signal/Peer";
import { api } from "../api/client";
import { systemClock } from "../live/clock";
import type { Devices } from "../live/devices";
import { Fallback } from "../live/fallback";
import type { LiveSession } from "../live/live-session";
import { materialOf, selfOf, stageOf, teacherOf, trackOf } from "../live/room-state";
import type { DelayedLesson } from "../player/delayed-lesson";
import { duration } from "../words/format";
import { h, setText, show, type View } from "./dom";
import { delayedKeys, pictureKey } from "./delayed-keys";
import { Foot } from "./foot";
import { Screen, Sounds } from "./screen";
import { fill, words } from "./words";

/** How long a text of the teacher's stays. */
const NOTICE_MS = 20_000;
const STAGE_SHOWN = 3;
/** A lost sound is named after it has been away for two reports. */
const NO_SOUND_MS = 4_000;
/** How often it is looked who on stage speaks. */
const LOUD_MS = 500;
const LAYOUTS = ["beside", "material", "camera"] as const;

/** In the lesson: the material fills, the teacher and the stage stand beside it, and whatever is awry is said. */
export class LessonView implements View {
  readonly element: HTMLElement;
  readonly #session: LiveSession;
  readonly #devices: Devices;
  readonly #material = new Screen("lesson-material");
  readonly #camera = new Screen("lesson-camera");
  readonly #self = new Screen("lesson-self");
  readonly #guests = Array.from({ length: STAGE_SHOWN }, () => new Screen("lesson-guest"));
  readonly #sounds = new Sounds();
  readonly #status = h("p", { class: "lesson-status", role: "status" });
  readonly #badge = h("p", { class: "lesson-badge", role: "status" });
  readonly #notice = h("p", { class: "lesson-notice", role: "alert" });
  readonly #foot: Foot;
  readonly #undo: (() => void)[];
  #layout: (typeof LAYOUTS)[number] = "beside";
  #deafSince: number | null = null;
  #failedAt = 0;
  #loud: ReadonlySet<string> = new Set();
  readonly #fallback: Fallback;
  #delayed: DelayedLesson | null = null;
  #fetching = false;
  #closed = false;
  #lagShown = 0;

  constructor(session: LiveSession, devices: Devices) {
    this.#session = session;
    this.#devices = devices;
    this.#foot = new Foot({
      hand: (up) => this.#act(session.act({ do: "hand", up })),
      mute: (muted) => session.publishing.patch({ muted }),
      help: (wanted) => this.#act(session.act({ do: "help", wanted })),
      layout: () => {
        this.#layout = LAYOUTS[(LAYOUTS.indexOf(this.#layout) + 1) % LAYOUTS.length] ?? "beside";
        this.update();
      },
    });
    const side = h("div", { class: "lesson-side" }, ...this.#guests.map((guest) => guest.element), this.#self.element);
    this.element = h(
      "section",
      { class: "lesson" },
      h("h1", { class: "visually-hidden" }, words.liveNow),
      h("div", { class: "lesson-pictures" }, this.#material.element, this.#camera.element, side),
      this.#status,
      this.#badge,
      this.#notice,
      this.#foot.element,
      this.#sounds.element,
    );
    this.#fallback = new Fallback(systemClock, () => ({
      live: session.room.get()?.room.lesson.state === "live",
      line: session.connection.state.get().kind === "up",
      media: session.media.state.get().kind,
    }));
    const update = (): void => this.update();
    for (const screen of this.#screens) screen.onPicture = update;
    this.#undo = [
      session.room.subscribe(update),
      session.media.remote.subscribe(update),
      session.media.state.subscribe(update),
      session.connection.state.subscribe(update),
      session.publishing.subscribe(update),
      session.notice.subscribe(update),
      session.soundOnly.subscribe(update),
      devices.state.subscribe(update),
      this.#fallback.state.subscribe(update),
      this.#followLoud(),
    ];
    this.update();
  }

  update(): void {
    const view = this.#session.room.get();
    const room = view?.room;
    const teacher = room === undefined ? undefined : teacherOf(room);
    const self = view === null ? undefined : selfOf(view);
    const guests = room === undefined ? [] : stageOf(room).filter((peer) => peer.id !== view?.self);
    this.#fallback.look();
    this.#pictures(teacher, guests, self);
    this.#playDelayed(teacher, guests);
    this.#listen();
    const state = this.#state(teacher);
    setText(this.#status, state.text);
    show(this.#status, state.text !== "");
    this.element.dataset["dimmed"] = state.dim ? "yes" : "no";
    const badge = this.#badgeText(self);
    setText(this.#badge, badge);
    show(this.#badge, badge !== "");
    const notice = this.#session.notice.get();
    const noticed = notice !== null && Date.now() - notice.at < NOTICE_MS;
    setText(this.#notice, noticed ? `${words.message}：${notice.text}` : "");
    show(this.#notice, noticed);
    const lesson = room?.lesson;
    const title =
      lesson === undefined
        ? ""
        : `${lesson.subject} ${lesson.grade} · ${fill(words.teacherName, { name: lesson.teacher })}`;
    this.#foot.update(title, self, this.#session.publishing.get().muted);
    // The microphone is open only on stage, so that forty rooms do not talk at once.
    const open = self?.on_stage === true && !self.silenced;
    if (this.#session.publishing.get().microphoneOpen !== open)
      this.#session.publishing.patch({ microphoneOpen: open });
  }

  key(event: KeyboardEvent): boolean {
    this.#unblock();
    if (event.key === "l") {
      this.#foot.wake();
      this.#layout = LAYOUTS[(LAYOUTS.indexOf(this.#layout) + 1) % LAYOUTS.length] ?? "beside";
      this.update();
      return true;
    }
    return this.#foot.key(event);
  }

  /** A mouse moved or a finger touched. */
  pointer(): void {
    this.#unblock();
    this.#foot.wake();
  }

  destroy(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#closed = true;
    this.#fallback.close();
    this.#stopDelayed();
    this.#foot.hide();
    for (const screen of [this.#self, ...this.#screens]) screen.destroy();
    this.#sounds.destroy();
  }

  /** Those that show what comes in. */
  get #screens(): Screen[] {
    return [this.#material, this.#camera, ...this.#guests];
  }

  #unblock(): void {
    this.#sounds.unblock();
    this.#delayed?.unblock();
  }

  /** While media does not pass the lesson comes by HLS; its pictures lie over the others until those are there again. */
  #playDelayed(teacher: Peer | undefined, guests: Peer[]): void {
    const state = this.#fallback.state.get();
    if (state === "direct") {
      this.#stopDelayed();
      return;
    }
    if (this.#delayed === null) {
      void this.#startDelayed();
      return;
    }
    this.#delayed.want(delayedKeys(teacher, guests));
    const { pictures, moving, lagMs } = this.#delayed.state.get();
    const over = (screen: Screen, key: string | null): void =>
      screen.cover(key === null ? null : (pictures.get(key) ?? null));
    over(this.#material, pictureKey(materialOf(teacher), null));
    const camera = trackOf(teacher, "camera");
    over(this.#camera, camera?.muted === true ? null : pictureKey(camera, null));
    for (const [index, screen] of this.#guests.entries())
      over(screen, pictureKey(trackOf(guests[index], "camera"), guests[index] ?? null));
    this.#arrange();
    const first = this.#session.delayed === null && lagMs !== null;
    this.#session.delayed = lagMs === null ? null : { lagMs, moving };
    if (first) void this.#session.report();
    const covered = this.#screens.filter((screen) => screen.covered);
    if (state === "returning" && covered.length > 0 && covered.every((screen) => screen.fresh || screen.track === null))
      this.#fallback.seen();
  }

  async #startDelayed(): Promise<void> {
    const lesson = this.#session.room.get()?.room.lesson.id;
    if (this.#fetching || lesson === undefined) return;
    this.#fetching = true;
    try {
      const player = await import("../player/delayed-lesson");
      if (this.#closed || this.#fallback.state.get() === "direct") return;
      this.#delayed = new player.DelayedLesson({
        clock: systemClock,
        load: () => api.recording(lesson),
        serverNow: () => this.#session.serverNow(),
      });
      this.element.append(this.#delayed.element);
      this.#delayed.state.subscribe(() => this.update());
    } catch {
      // The player's script did not come: it is asked for again at the next look.
    } finally {
      this.#fetching = false;
    }
    this.update();
  }

  #stopDelayed(): void {
    if (this.#delayed === null) return;
    for (const screen of this.#screens) screen.cover(null);
    const delayed = this.#delayed;
    this.#delayed = null;
    delayed.close();
    delayed.element.remove();
    this.#session.delayed = null;
    if (!this.#closed) void this.#session.report();
  }

  #pictures(teacher: Peer | undefined, guests: Peer[], self: Peer | undefined): void {
    const remote = this.#session.media.remote.get();
    const media = (track: string | undefined): MediaStreamTrack | null =>
      track === undefined ? null : (remote.get(track)?.media ?? null);
    // While a line is down nothing flows, but the last picture stays.
    const held = this.#session.connection.state.get().kind !== "up" || teacher?.presence === "lost";
    const material = materialOf(teacher);
    if (!held || material !== undefined)
      this.#material.show(media(material?.id) ?? this.#kept(this.#material, held), teacher?.name ?? "");
    const camera = trackOf(teacher, "camera");
    const seen = camera !== undefined && !camera.muted && (camera.flowing || held);
    if (!held || seen) this.#camera.show(seen ? media(camera.id) : null, teacher?.name ?? "");
    for (const [index, screen] of this.#guests.entries()) {
      const guest = guests[index];
      const track = trackOf(guest, "camera");
      screen.show(track?.flowing === true ? media(track.id) : null, guest?.name ?? "");
      show(screen.element, guest !== undefined);
      screen.element.dataset["heard"] =
        guest !== undefined && !guest.silenced && this.#loud.has(guest.id) ? "yes" : "no";
    }
    const onStage = self?.on_stage === true;
    this.#self.show(onStage ? this.#devices.state.get().camera.track : null, words.self);
    show(this.#self.element, onStage);
    this.#self.element.dataset["heard"] = onStage && this.#session.publishing.get().microphoneOpen ? "yes" : "no";
    this.element.dataset["side"] = onStage || guests.length > 0 ? "yes" : "no";
    this.element.dataset["layout"] = this.#layout;
    this.#arrange();
  }

  /** Which of the two large pictures are there. */
  #arrange(): void {
    show(this.#material.element, this.#material.used);
    show(this.#camera.element, this.#camera.used);
    const has = !this.#material.used ? "camera" : !this.#camera.used ? "material" : "both";
    this.element.dataset["has"] = has;
  }

  /** Looks again and again who speaks, while somebody is on stage. */
  #followLoud(): () => void {
    const timer = setInterval(() => {
      if (this.element.dataset["side"] !== "yes") return;
      void this.#session.media.loud().then((loud) => {
        this.#loud = loud;
        this.update();
      });
    }, LOUD_MS);
    return () => clearInterval(timer);
  }

  #kept(screen: Screen, held: boolean): MediaStreamTrack | null {
    return held ? screen.track : null;
  }

  #listen(): void {
    const sounds = new Map<string, MediaStreamTrack>();
    // The same sound twice, a few seconds apart, is worse than none.
    if (this.#delayed === null)
      for (const { track, media } of this.#session.media.remote.get().values())
        if (media.kind === "audio") sounds.set(track, media);
    this.#sounds.play(sounds);
    this.#session.soundBlocked = this.#soundBlocked;
  }

  get #soundBlocked(): boolean {
    return this.#delayed === null ? this.#sounds.blocked : this.#delayed.state.get().blocked;
  }

  /** What the middle of the screen says, and whether the picture is dimmed for it. */
  #state(teacher: Peer | undefined): { text: string; dim: boolean } {
    const line = this.#session.connection.state.get();
    const since = (time: number): string => duration(Date.now() - time);
    if (line.kind === "lost") return { text: fill(words.lost, { time: since(line.since) }), dim: true };
    if (line.kind !== "up") return { text: words.connecting, dim: true };
    if (this.#session.room.get()?.room.lesson.state !== "live") return { text: words.waitTeacher, dim: false };
    const down = this.#fallback.downSince;
    const plays = this.#screens.some((screen) => screen.covered) || this.#delayed?.state.get().moving === true;
    const lost = this.#session.media.state.get().kind !== "connecting" || this.#camera.hasPicture;
    if (down !== null && lost && !plays) return { text: fill(words.restoring, { time: since(down) }), dim: true };
    if (teacher === undefined || teacher.presence === "expected") return { text: words.teacherAbsent, dim: false };
    if (teacher.presence === "lost" || teacher.presence === "left") {
      const gone = teacher.since === null ? "" : duration(this.#session.serverNow() - Date.parse(teacher.since));
      return { text: fill(words.teacherAway, { time: gone }), dim: true };
    }
    if (this.#session.soundOnly.get()) return { text: words.narrow, dim: true };
    if (this.#material.hasPicture || this.#camera.hasPicture) return { text: "", dim: false };
    const picture = teacher.tracks.some(
      (track) => track.source !== "microphone" && track.source !== "screen_audio" && !track.muted,
    );
    return { text: picture ? words.waitPicture : words.soundOnly, dim: false };
  }

  /** One line in the corner: sound first, then the stage, then what was pressed here. */
  #badgeText(self: Peer | undefined): string {
    if (this.#soundBlocked) return words.pressOk;
    const deaf = this.#session.health.get()?.hears === false && this.#session.connection.state.get().kind === "up";
    this.#deafSince = deaf ? (this.#deafSince ?? Date.now()) : null;
    if (this.#deafSince !== null && Date.now() - this.#deafSince >= NO_SOUND_MS) return words.noSound;
    if (Date.now() - this.#failedAt < 5_000) return words.notDone;
    return [this.#ownText(self), this.#lateText()].filter((text) => text !== "").join(" · ");
  }

  /** What was pressed here, and what the teacher made of it. */
  #ownText(self: Peer | undefined): string {
    const muted = this.#session.publishing.get().muted;
    if (self?.on_stage === true) return self.silenced ? words.silenced : muted ? words.onStageMuted : words.onStage;
    if (self?.hand !== undefined) return fill(words.handUp, { n: self.hand });
    if (self?.help === true) return words.helpCalled;
    return muted ? words.muted : "";
  }

  #lateText(): string {
    const lagMs = this.#delayed?.state.get().lagMs ?? null;
    if (lagMs === null) return "";
    // A number that flickers between two draws the eye.
    if (Math.abs(lagMs / 1000 - this.#lagShown) > 0.8) this.#lagShown = Math.max(1, Math.round(lagMs / 1000));
    return fill(words.delayed, { n: this.#lagShown });
  }

  #act(done: Promise<void>): void {
    done.catch(() => {
      this.#failedAt = Date.now();
      this.update();
    });
  }
}
