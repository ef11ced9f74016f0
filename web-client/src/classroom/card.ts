import { button, h, moveFocus, type View } from "./dom";

/** A word in large letters, with one button at most. */
export class CardView implements View {
  readonly element: HTMLElement;

  constructor(title: string, lines: string[], action: { name: string; press: () => void } | null) {
    this.element = h(
      "section",
      { class: "card" },
      h("h1", {}, title),
      ...lines.map((line) => h("p", { class: "two-lines" }, line)),
    );
    if (action !== null) {
      const press = button(action.name, { class: "card-button" }, action.press);
      this.element.append(press);
      queueMicrotask(() => press.focus());
    }
  }

  update(): void {
    // Nothing here changes with time.
  }

  key(event: KeyboardEvent): boolean {
    return moveFocus(this.element, event.key);
  }

  destroy(): void {
    // Nothing is held.
  }
}
