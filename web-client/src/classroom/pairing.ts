import { encode } from "uqr";
import { ApiError, api } from "../api/client";
import { systemClock } from "../live/clock";
import { rememberLanguage } from "../words/language";
import { ClaimWait } from "./claim";
import { button, h, moveFocus, setText, show, type View } from "./dom";
import { PadView } from "./pad";
import { fill, otherLanguage, words } from "./words";

/** Not paired: a code and its QR code for an administrator's phone, or the pad for a code that an administrator gave. */
export class PairingView implements View {
  readonly element = h("section", { class: "pairing" });
  readonly #paired: () => void;
  #view: View;

  constructor(revoked: boolean, paired: () => void) {
    this.#paired = () => {
      window.history.replaceState(null, "", window.location.pathname);
      paired();
    };
    const given = new URLSearchParams(window.location.search).get("code") ?? "";
    this.#view = /^\d{6}$/.test(given) && !revoked ? this.#pad(given) : this.#shown(revoked);
    this.element.append(this.#view.element);
  }

  update(): void {
    this.#view.update();
  }

  key(event: KeyboardEvent): boolean {
    if (this.#view instanceof ShownView && /^\d$/.test(event.key)) {
      this.#swap(this.#pad(event.key));
      return true;
    }
    const back = event.key === "Escape" || event.key === "BrowserBack";
    if (this.#view instanceof PadView && back) {
      this.#swap(this.#shown(false));
      return true;
    }
    return this.#view.key(event);
  }

  destroy(): void {
    this.#view.destroy();
  }

  #pad(given: string): View {
    return new PadView(
      given,
      this.#paired,
      button(words.showCode, { class: "pair-other" }, () => this.#swap(this.#shown(false))),
    );
  }

  #shown(revoked: boolean): View {
    return new ShownView(
      revoked,
      this.#paired,
      button(words.typeCode, { class: "pair-other" }, () => this.#swap(this.#pad(""))),
    );
  }

  #swap(view: View): void {
    this.#view.destroy();
    this.#view = view;
    this.element.replaceChildren(view.element);
    view.update();
  }
}

/** The code of this screen, large, and the same as a QR code that opens the page of administrators. */
class ShownView implements View {
  readonly element: HTMLElement;
  readonly #digits: HTMLElement;
  readonly #qr = h("div", { class: "qr", role: "img", "aria-label": words.qr, hidden: "" });
  readonly #status: HTMLElement;
  readonly #wait: ClaimWait;

  constructor(revoked: boolean, paired: () => void, typeCode: HTMLElement) {
    this.#digits = h("p", { class: "pair-code", role: "status", "aria-label": words.screenCode });
    this.#status = h("p", { class: "pair-status", role: "status" }, revoked ? words.revoked : "");
    const switcher = button(words.language, { class: "pair-other" }, () => {
      rememberLanguage(otherLanguage);
      const address = new URL(window.location.href);
      address.searchParams.delete("lang");
      window.location.replace(address);
    });
    this.element = h(
      "div",
      { class: "pair" },
      h(
        "div",
        { class: "pair-text" },
        h("h1", {}, words.claimTitle),
        h("p", {}, words.claimHint),
        this.#digits,
        h("p", { class: "quiet" }, fill(words.claimType, { address: `${window.location.host}/pair` })),
        this.#status,
        h("div", { class: "pair-others" }, typeCode, switcher),
      ),
      this.#qr,
    );
    this.#wait = new ClaimWait({ clock: systemClock, claim: api.claim, collect, troubleOf, paired });
    this.#wait.state.subscribe(() => this.#changed(revoked));
    queueMicrotask(() => typeCode.focus());
  }

  update(): void {
    // The wait tells by itself.
  }

  key(event: KeyboardEvent): boolean {
    return moveFocus(this.element, event.key);
  }

  destroy(): void {
    this.#wait.close();
  }

  #changed(revoked: boolean): void {
    const { code, trouble } = this.#wait.state.get();
    const said = trouble === "offline" ? words.pairOffline : trouble === "busy" ? words.pairBusy : "";
    setText(this.#status, said === "" && revoked ? words.revoked : said);
    const digits = code === null ? "" : `${code.slice(0, 3)} ${code.slice(3)}`;
    if (this.#digits.textContent === digits) return;
    setText(this.#digits, digits);
    show(this.#qr, code !== null);
    if (code !== null) this.#qr.replaceChildren(qrOf(`${window.location.origin}/pair?code=${code}`));
  }
}

async function collect(): Promise<"paired" | "waiting" | "gone"> {
  try {
    return (await api.collectClaim()) === undefined ? "waiting" : "paired";
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return "gone";
    throw error;
  }
}

function troubleOf(error: unknown): "offline" | "busy" {
  return error instanceof ApiError && error.status === 429 ? "busy" : "offline";
}

/** A text as a QR code, dark on light with the quiet zone readers need. */
function qrOf(text: string): SVGSVGElement {
  const { data, size } = encode(text, { ecc: "M", border: 4 });
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("shape-rendering", "crispEdges");
  const path = document.createElementNS(space, "path");
  const dark = data.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x} ${y}h1v1h-1z`] : [])));
  path.setAttribute("d", dark.join(""));
  svg.append(path);
  return svg;
}
