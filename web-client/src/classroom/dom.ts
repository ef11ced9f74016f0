import { type IconName, icons } from "../words/icons";

/** Makes an element with attributes and children; `null` attributes are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | null> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** One of our own outlines, in the size and colour of the text. */
export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", icons[name]);
  svg.append(path);
  return svg;
}

/** Shows an icon and a text, when they are others. */
export function setLabel(element: HTMLElement, name: IconName, text: string): void {
  const key = `${name} ${text}`;
  if (element.dataset["label"] === key) return;
  element.dataset["label"] = key;
  element.replaceChildren(icon(name), ` ${text}`);
}

/** A button that calls `press`. */
export function button(name: string, attributes: Record<string, string | null>, press: () => void): HTMLButtonElement {
  const element = h("button", { type: "button", ...attributes }, name);
  element.addEventListener("click", press);
  return element;
}

/** Sets a text only when it is another: a screen reader hears changes only. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides. */
export function show(element: HTMLElement, shown: boolean): void {
  if (element.hidden === shown) element.hidden = !shown;
}

/** A screen of the page. */
export interface View {
  readonly element: HTMLElement;
  /** Called every second and after every change. */
  update(): void;
  /** A key that nobody took; tells whether it is taken here. */
  key(event: KeyboardEvent): boolean;
  destroy(): void;
}

/** Moves the focus between buttons by arrow keys, as they lie on the screen. Tells whether it moved. */
export function moveFocus(within: HTMLElement, key: string): boolean {
  const direction = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as const)[
    key as "ArrowUp"
  ];
  const buttons = [...within.querySelectorAll<HTMLElement>("button:not([disabled])")].filter(
    (b) => b.offsetParent !== null,
  );
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- other keys have no direction
  if (direction === undefined || buttons.length === 0) return false;
  const current = buttons.find((candidate) => candidate === document.activeElement);
  if (current === undefined) {
    buttons[0]?.focus();
    return true;
  }
  const from = centre(current);
  let best: { element: HTMLElement; cost: number } | null = null;
  for (const element of buttons) {
    const to = centre(element);
    const along = (to.x - from.x) * direction[0] + (to.y - from.y) * direction[1];
    const across = Math.abs((to.x - from.x) * direction[1]) + Math.abs((to.y - from.y) * direction[0]);
    if (along <= 4) continue;
    const cost = along + 3 * across;
    if (best === null || cost < best.cost) best = { element, cost };
  }
  best?.element.focus();
  return true;
}

function centre(element: HTMLElement): { x: number; y: number } {
  const box = element.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}
