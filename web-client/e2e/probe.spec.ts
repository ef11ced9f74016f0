import { mkdir } from "node:fs/promises";
import { expect, type Page, test } from "@playwright/test";
import { DESKS, PHONE, pictured, SHOTS } from "./support/look";
import { leave, openPage } from "./support/people";
import { Server } from "./support/server";

let server: Server;

test.beforeEach(async () => {
  await mkdir(SHOTS, { recursive: true });
  server = await Server.start();
});

test.afterEach(async ({ browser }) => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(browser, server);
});

/** Candidates of these protocols have a port where nobody is. */
async function without(page: Page, protocols: string): Promise<void> {
  await page.addInitScript((shut) => {
    const prototype = RTCPeerConnection.prototype as unknown as {
      setRemoteDescription: (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    };
    const original = prototype.setRemoteDescription;
    prototype.setRemoteDescription = function (description) {
      const pattern = new RegExp(`^(a=candidate:\\S+ \\d+ (?:${shut}) \\d+ \\S+) \\d+ `, "gm");
      return original.call(this, { ...description, sdp: (description.sdp ?? "").replace(pattern, "$1 9 ") });
    };
  }, protocols);
}

async function checked(page: Page, language: "zh" | "en"): Promise<void> {
  await page.goto(`${server.url}/probe?lang=${language}`);
  await expect(page.locator(".probe-verdict")).not.toHaveAttribute("data-verdict", "running", { timeout: 90_000 });
}

test("a school's network person sees what passes, how well, and what to ask for", async ({ browser }) => {
  const page = await openPage(browser);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  for (const language of ["en", "zh"] as const) {
    await checked(page, language);
    await expect(page.locator(".probe-rungs li[data-state=good]")).toHaveCount(5);
    await expect(page.locator(".probe-verdict")).toHaveAttribute("data-verdict", /good|weak/);
    await pictured(page, `probe-${language}`, [...DESKS, PHONE]);
  }
  console.log((await page.locator(".probe-numbers > div").allInnerTexts()).join("; ").replaceAll("\n", " "));
  await page.getByRole("button", { name: "复制检测结果" }).click();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text).toContain("可以");
  expect(text).toContain(`UDP ${server.mediaPort}`);
});

test("a firewall that eats UDP, or all media, is named", async ({ browser }) => {
  const udpless = await openPage(browser);
  await without(udpless, "udp");
  await checked(udpless, "zh");
  await expect(udpless.locator(".probe-verdict")).toHaveAttribute("data-verdict", "tcp");
  await expect(udpless.locator("[data-rung=udp]")).toHaveAttribute("data-state", "bad");
  await pictured(udpless, "probe-without-udp", [...DESKS, PHONE]);
  const shut = await openPage(browser);
  await without(shut, "udp|tcp");
  await checked(shut, "zh");
  await expect(shut.locator(".probe-verdict")).toHaveAttribute("data-verdict", "delayed");
});

test("a firewall that eats WebSockets, or segments of video, is named", async ({ browser }) => {
  const page = await openPage(browser);
  await page.routeWebSocket(/\/signal$/, (socket) => socket.close());
  await page.route("**/*.m4s", (route) => route.fulfill({ status: 403, body: "blocked" }));
  await checked(page, "zh");
  await expect(page.locator(".probe-verdict")).toHaveAttribute("data-verdict", "noSocket");
  await expect(page.locator("[data-rung=socket]")).toHaveAttribute("data-state", "bad");
  await expect(page.locator("[data-rung=hls]")).toHaveAttribute("data-state", "bad");
  await pictured(page, "probe-without-sockets", [...DESKS, PHONE]);
});
