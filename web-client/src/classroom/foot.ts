import type { Peer } from "../generated/signal/Peer";
import { button, h, moveFocus, setLabel, setText } from "./dom";
import { words } from "./words";

/** The foot line stays for so long after the last key. */
const SHOWN_MS = 3_000;

export interface FootActions {
  hand: (up: boolean) => void;
  mute: (on: boolean) => void;
  help: (wanted: boolean) => void;
  layout: () => void;
}

/** Hand, mute, help, layout: shown for three seconds after any key. */
export class Foot {
  readonly element: HTMLElement;
  readonly #hand: HTMLButtonElement;
  readonly #mute: HTMLButtonElement;
  readonly #help: HTMLButtonElement;
  readonly #lesson = h("span", { class: "foot-lesson one-line" });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #self: Peer | undefined;
  #muted = false;

  constructor(actions: FootActions) {
    this.#hand = button("", { class: "foot-button" }, () => actions.hand(this.#self?.hand === undefined));
    this.#mute = button("", { class: "foot-button" }, () => actions.mute(!this.#muted));
    this.#help = button("", { class: "foot-button" }, () => actions.help(this.#self?.help !== true));
    const layout = button("", { class: "foot-button" }, () => actions.layout());
    setLabel(layout, "layout", words.layout);
    this.element = h(
      "footer",
      { class: "foot", "data-shown": "no" },
      this.#lesson,
      this.#hand,
      this.#mute,
      this.#help,
      layout,
    );
    this.element.inert = true;
  }

  /** The words that fit the state. */
  update(lesson: string, self: Peer | undefined, muted: boolean): void {
    this.#self = self;
    this.#muted = muted;
    setText(this.#lesson, lesson);
    setLabel(this.#hand, "hand", self?.hand === undefined ? words.raiseHand : words.lowerHand);
    setLabel(this.#mute, muted ? "muted" : "microphone", muted ? words.unmute : words.mute);
    setLabel(this.#help, "help", self?.help === true ? words.helpCalled : words.callHelp);
    this.#hand.setAttribute("aria-pressed", String(self?.hand !== undefined));
    this.#mute.setAttribute("aria-pressed", String(muted));
    this.#help.setAttribute("aria-pressed", String(self?.help === true));
  }

  /** Shows the line; tells whether it was hidden. */
  wake(): boolean {
    const hidden = this.element.inert;
    this.element.inert = false;
    this.element.dataset["shown"] = "yes";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
    if (hidden) this.#hand.focus();
    return hidden;
  }

  hide(): void {
    clearTimeout(this.#timer);
    this.element.dataset["shown"] = "no";
    this.element.inert = true;
  }

  /** Keys of the remote control and of a keyboard. */
  key(event: KeyboardEvent): boolean {
    const direct: Record<string, HTMLButtonElement> = { h: this.#hand, m: this.#mute, "?": this.#help };
    const pressed = direct[event.key.toLowerCase()];
    if (pressed !== undefined) {
      this.wake();
      pressed.click();
      return true;
    }
    if (event.key === "Escape" || event.key === "Backspace" || event.key === "BrowserBack") {
      this.hide();
      return true;
    }
    // The first press only shows what there is to press.
    if (this.wake()) return true;
    return moveFocus(this.element, event.key);
  }
}
