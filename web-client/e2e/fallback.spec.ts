import { expect, type Page, test } from "@playwright/test";
import { looked, pictured } from "./support/look";
import { goLive, leave, openClassroom } from "./support/people";
import { showScene } from "./support/scenes";
import { hears, playsSound, seesMotion, timesSeen } from "./support/seen";
import { Server, until } from "./support/server";

/** What a lesson by HLS may be late on this machine, while other pages encode on its two cores. */
const LATE_MS = 8_000;

let server: Server;

test.beforeEach(async () => {
  server = await Server.start();
});

test.afterEach(async ({ browser }) => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(browser, server);
});

declare global {
  interface Window {
    mediaPasses: boolean;
    blackFor: number;
  }
}

/** A firewall that lets no media through, neither UDP nor TCP, until `mediaPasses`: candidates have a port where nobody is. */
async function withoutMedia(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.mediaPasses = false;
    const prototype = RTCPeerConnection.prototype as unknown as {
      setRemoteDescription: (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    };
    const original = prototype.setRemoteDescription;
    prototype.setRemoteDescription = function (description) {
      const sdp = description.sdp ?? "";
      const shut = sdp.replace(/^(a=candidate:\S+ \d+ (?:udp|tcp) \d+ \S+) \d+ /gm, "$1 9 ");
      return original.call(this, { ...description, sdp: window.mediaPasses ? sdp : shut });
    };
  });
}

/** Counts from now on how long the large picture is not there, in ms. */
async function watchForBlack(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.blackFor = 0;
    let before = performance.now();
    const look = (): void => {
      const now = performance.now();
      const shown = [
        ...document.querySelectorAll<HTMLVideoElement | HTMLCanvasElement>(
          ".lesson-camera video, .lesson-camera canvas",
        ),
      ];
      const picture = shown.some((element) =>
        element instanceof HTMLVideoElement ? element.readyState >= 2 && element.videoWidth > 0 : !element.hidden,
      );
      if (!picture) window.blackFor += now - before;
      before = now;
      requestAnimationFrame(look);
    };
    look();
  });
}

test("where no media passes the lesson comes by HLS, and by WebRTC again as soon as that passes", async ({
  browser,
}) => {
  const teacher = await goLive(browser, server, (page) => showScene(page, "clock"));
  const [room] = await server.pairingCodes(await server.openLesson());
  const page = await openClassroom(browser, server.url, room?.code ?? "", withoutMedia);
  const picture = page.locator(".lesson-camera video").last();
  const badge = page.locator(".lesson-badge");
  await expect(badge).toContainText("延时收看", { timeout: 60_000 });
  await seesMotion(picture, "the lesson by HLS");
  await playsSound(page.locator(".lesson audio").first(), "the lesson by HLS");
  await expect(page.locator(".lesson-status")).toBeHidden();
  const lags: number[] = [];
  await until("it settles", async () => {
    const [seen] = await timesSeen(picture);
    if (seen?.[0] !== undefined) lags.push(seen[0].at - seen[0].shown);
    return lags.length > 60;
  });
  const late = lags.slice(20).sort((a, b) => a - b);
  console.log(`by HLS: ${late[0]} to ${late.at(-1)} ms late, in the middle ${late[late.length >> 1]} ms`);
  expect(late[late.length >> 1]).toBeLessThan(LATE_MS);
  const tile = teacher.locator(".tile", { hasText: room?.name ?? "" });
  await expect(tile.locator(".mark")).toHaveText(/延时收看/);
  await tile.hover();
  await expect(tile.getByText("延时收看，不能上台")).toBeVisible();
  await expect(tile.getByRole("button", { name: "请上台" })).toHaveCount(0);
  const ready = () => expect(badge).toContainText(/延时收看|late/, { timeout: 60_000 });
  await looked(page, "classroom-delayed", { ready });
  await pictured(teacher, "live-delayed");

  await watchForBlack(page);
  await page.evaluate(() => {
    window.mediaPasses = true;
  });
  const opened = Date.now();
  await expect(badge).toBeHidden();
  console.log(`by WebRTC again ${Date.now() - opened} ms after the way was open`);
  await expect(page.locator(".lesson-camera video")).toHaveCount(1);
  await seesMotion(page.locator(".lesson-camera video"), "the lesson by WebRTC");
  await hears(page, "the teacher");
  expect(await page.evaluate(() => window.blackFor)).toBeLessThan(100);
  await expect(tile.locator(".mark")).toHaveText(/正常/);
});

test("where no WebSocket passes the classroom takes part by plain requests, and with no media either it sees the lesson late", async ({
  browser,
}) => {
  const teacher = await goLive(browser, server, (page) => showScene(page, "clock"));
  const codes = await server.pairingCodes(await server.openLesson());
  const [open, shut] = codes as [{ name: string; code: string }, { name: string; code: string }];
  const withoutSockets = (page: Page): Promise<void> => page.routeWebSocket(/\/signal$/, (socket) => socket.close());
  const tile = (name: string) => teacher.locator(".tile", { hasText: name });

  const page = await openClassroom(browser, server.url, open.code, withoutSockets);
  await seesMotion(page.locator(".lesson-camera video"), "the teacher");
  await hears(page, "the teacher");
  await expect(tile(open.name).locator(".mark")).toHaveText(/正常/);
  await page.keyboard.press("ArrowRight");
  await page.getByRole("button", { name: "举手" }).press("Enter");
  await expect(tile(open.name).locator(".mark")).toHaveText(/举手/);
  await tile(open.name).hover();
  await tile(open.name).getByRole("button", { name: "请上台" }).click();
  await expect(tile(open.name).locator(".tile-stage")).toBeVisible();

  const late = await openClassroom(browser, server.url, shut.code, async (shutPage) => {
    await withoutSockets(shutPage);
    await withoutMedia(shutPage);
  });
  await expect(late.locator(".lesson-badge")).toContainText("延时收看", { timeout: 60_000 });
  await seesMotion(late.locator(".lesson-camera video").last(), "the lesson by HLS");
  await expect(tile(shut.name).locator(".mark")).toHaveText(/延时收看/);
});
