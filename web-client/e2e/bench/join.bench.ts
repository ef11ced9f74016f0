import { type Browser, type Page, test } from "@playwright/test";
import { ImpairedLine } from "../support/impaired";
import { goLive, leave, openClassroom } from "../support/people";
import { seesMotion } from "../support/seen";
import { Server, until } from "../support/server";

const JOINS = Number(process.env["JOINS"] ?? 20);

declare global {
  interface Window {
    joining: { socketAt: number; mediaAt: number };
  }
}

/** Notes when the page asks for its seat and when the teacher's first picture is drawn, in ms since the navigation began. */
function noteJoining(): void {
  window.joining = { socketAt: 0, mediaAt: 0 };
  const Original = window.WebSocket;
  window.WebSocket = class extends Original {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      if (window.joining.socketAt === 0) window.joining.socketAt = performance.now();
    }
  };
  const watched = new WeakSet<HTMLVideoElement>();
  new MutationObserver(() => {
    const video = document.querySelector<HTMLVideoElement>(".lesson-camera video");
    if (video === null || watched.has(video)) return;
    watched.add(video);
    video.requestVideoFrameCallback((now) => {
      if (window.joining.mediaAt === 0) window.joining.mediaAt = now;
    });
  }).observe(document, { childList: true, subtree: true, attributes: true });
}

async function join(page: Page): Promise<{ page: number; seat: number }> {
  await page.reload();
  const { socketAt, mediaAt } = await until("the first picture", () =>
    page.evaluate(() => (window.joining.mediaAt > 0 ? window.joining : null)),
  );
  return { page: mediaAt, seat: mediaAt - socketAt };
}

function say(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): number => Math.round(sorted[Math.ceil(part * sorted.length) - 1] ?? Number.NaN);
  console.log(`${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms of ${sorted.length} joins`);
}

test("join to first picture", async ({ browser }) => {
  const server = await Server.start();
  try {
    await measure(browser, server, server.url);
  } finally {
    await leave(browser, server);
  }
});

test("join to first picture over a line that loses 10 %, with 100 ms of round trip", async ({ browser }) => {
  test.setTimeout(JOINS * 20_000);
  const server = await Server.start({ TONGKE_MEDIA_THREADS: "1" });
  const line = await ImpairedLine.open(server, "[[step]]\nloss = 0.1\ndelay_ms = 50\n", 1);
  try {
    await measure(browser, server, line.url, (page) => line.use(page));
  } finally {
    await leave(browser, server);
    await line.close();
  }
});

async function measure(
  browser: Browser,
  server: Server,
  url: string,
  prepare?: (page: Page) => Promise<void>,
): Promise<void> {
  const [room] = await server.pairingCodes(await server.openLesson());
  await goLive(browser, server);
  const page = await openClassroom(browser, url, room?.code ?? "", async (page) => {
    await prepare?.(page);
    await page.addInitScript(noteJoining);
  });
  await seesMotion(page.locator(".lesson-camera video"), "the teacher");
  const joins = [];
  for (let count = 0; count < JOINS; count++) joins.push(await join(page));
  say(
    "from opening the page",
    joins.map(({ page }) => page),
  );
  say(
    "from asking for the seat",
    joins.map(({ seat }) => seat),
  );
}
