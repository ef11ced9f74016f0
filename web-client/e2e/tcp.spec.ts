import { expect, type Page, test } from "@playwright/test";
import { pictured } from "./support/look";
import { goLive, leave, openClassroom } from "./support/people";
import { hears, seesMotion } from "./support/seen";
import { Server, until } from "./support/server";

let server: Server;

test.beforeEach(async () => {
  server = await Server.start();
});

test.afterEach(async ({ browser }) => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(browser, server);
});

/** A firewall that lets no UDP through: the page never learns that the server has any. */
async function withoutUdp(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const prototype = RTCPeerConnection.prototype as unknown as {
      setRemoteDescription: (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    };
    const original = prototype.setRemoteDescription;
    prototype.setRemoteDescription = function (description) {
      const sdp = (description.sdp ?? "").replace(/^a=candidate:\S+ \d+ udp .*\r\n/gm, "");
      return original.call(this, { ...description, sdp });
    };
  });
}

/** What the selected pairs of candidates of a page run over. */
async function transports(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const found = new Set<string>();
    for (const connection of window.peerConnections) {
      if (connection.connectionState !== "connected") continue;
      const stats = (await connection.getStats()) as unknown as Map<string, Record<string, unknown>>;
      for (const entry of stats.values()) {
        if (entry["type"] !== "transport") continue;
        const pair = stats.get(String(entry["selectedCandidatePairId"]));
        const candidate = stats.get(String(pair?.["localCandidateId"]));
        found.add(String(candidate?.["protocol"]));
      }
    }
    return [...found];
  });
}

test("a school whose firewall eats UDP has its lesson, and others have theirs by UDP", async ({ browser }) => {
  const teacher = await goLive(browser, server, withoutUdp);
  const codes = await server.pairingCodes(await server.openLesson());
  const [shut, open] = codes as [{ name: string; code: string }, { name: string; code: string }];
  const behind = await openClassroom(browser, server.url, shut.code, withoutUdp);
  const other = await openClassroom(browser, server.url, open.code);
  for (const page of [behind, other]) {
    await seesMotion(page.locator(".lesson-camera video"), "the teacher");
    await hears(page, "the teacher");
  }
  const tile = (name: string) => teacher.locator(".tile", { hasText: name });
  for (const { name } of [shut, open]) {
    await seesMotion(tile(name).locator("video"), `the tile of ${name}`);
    await expect(tile(name).locator(".mark")).toHaveText(/正常/);
  }
  await expect(tile(shut.name).locator(".tile-way")).toHaveText("走 TCP");
  await expect(tile(open.name).locator(".tile-way")).toHaveCount(0);
  await pictured(teacher, "live-tcp");
  for (const page of [teacher, behind]) expect(await transports(page)).toEqual(["tcp"]);
  await until("UDP is chosen", async () => (await transports(other)).join() === "udp");
});
