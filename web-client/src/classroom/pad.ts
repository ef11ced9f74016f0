import { ApiError, api } from "../api/client";
import { button, h, icon, moveFocus, setText, type View } from "./dom";
import { fill, words } from "./words";

const DIGITS = 6;
const AGAIN_MS = 3_000;

/** Six digits that an administrator gave: typed, or pressed on the pad with a remote control. */
export class PadView implements View {
  readonly element: HTMLElement;
  readonly #fields: HTMLElement[];
  readonly #status: HTMLElement;
  readonly #paired: () => void;
  #code = "";
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `given` are digits known already; all six of them are tried at once. */
  constructor(given: string, paired: () => void, ...others: HTMLElement[]) {
    this.#paired = paired;
    this.#fields = Array.from({ length: DIGITS }, (_, index) =>
      h("span", { class: "digit", role: "img", "aria-label": fill(words.digit, { n: index + 1 }) }),
    );
    this.#status = h("p", { class: "pair-status", role: "status" });
    const pad = h("div", { class: "pad" });
    for (const digit of ["1", "2", "3", "4", "5", "6", "7", "8", "9"])
      pad.append(button(digit, {}, () => this.#type(digit)));
    const erase = button("", { "aria-label": words.erase }, () => this.#set(this.#code.slice(0, -1)));
    erase.append(icon("erase"));
    pad.append(
      button(words.clear, { class: "pad-word" }, () => this.#set("")),
      button("0", {}, () => this.#type("0")),
      erase,
    );
    this.element = h(
      "section",
      { class: "pair" },
      h(
        "div",
        { class: "pair-text" },
        h("h1", {}, words.pairTitle),
        h("div", { class: "digits" }, ...this.#fields),
        this.#status,
        h("p", { class: "quiet" }, words.pairHint),
        h("div", { class: "pair-others" }, ...others),
      ),
      pad,
    );
    this.#set(given);
    queueMicrotask(() => pad.querySelector("button")?.focus());
  }

  update(): void {
    // Nothing here changes with time.
  }

  key(event: KeyboardEvent): boolean {
    if (/^\d$/.test(event.key)) this.#type(event.key);
    else if (event.key === "Backspace" || event.key === "Delete") this.#set(this.#code.slice(0, -1));
    else return moveFocus(this.element, event.key);
    return true;
  }

  destroy(): void {
    clearTimeout(this.#timer);
  }

  #type(digit: string): void {
    if (!this.#busy) this.#set((this.#code + digit).slice(0, DIGITS));
  }

  #set(code: string): void {
    if (this.#busy) return;
    this.#code = code;
    for (const [index, field] of this.#fields.entries()) setText(field, code[index] ?? "");
    if (code.length === DIGITS) void this.#pair();
    else if (code.length > 0) setText(this.#status, "");
  }

  async #pair(): Promise<void> {
    this.#busy = true;
    setText(this.#status, words.pairing);
    try {
      await api.pair(this.#code);
      this.#paired();
    } catch (error) {
      this.#busy = false;
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 0 || status >= 500) {
        setText(this.#status, words.pairOffline);
        this.#timer = setTimeout(() => void this.#pair(), AGAIN_MS);
        return;
      }
      this.#set("");
      setText(this.#status, status === 429 ? words.pairBusy : words.pairWrong);
    }
  }
}
