import { expect, type Page, test } from "@playwright/test";
import { oneBehind, ways } from "./support/firewall";
import { pictured } from "./support/look";
import { goLive, leave } from "./support/people";
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

test("a school whose firewall eats UDP has its lesson, and others have theirs by UDP", async ({ browser }) => {
  const teacher = await goLive(browser, server, withoutUdp);
  const { behind, other } = await oneBehind(withoutUdp, browser, server, server.url, teacher);
  const way = (name: string) => teacher.locator(".tile", { hasText: name }).locator(".tile-way");
  await expect(way(behind.name)).toHaveText("走 TCP");
  await expect(way(other.name)).toHaveCount(0);
  await pictured(teacher, "live-tcp");
  for (const page of [teacher, behind.page]) expect(await ways(page)).toEqual([expect.stringMatching(/ tcp$/)]);
  await until("UDP is chosen", async () => (await ways(other.page)).join().endsWith(" udp"));
});
