import { type Browser, expect, type Page } from "@playwright/test";
import { openClassroom } from "./people";
import { hears, seesMotion } from "./seen";
import type { Server } from "./server";

/** What a firewall does to a page before it is loaded. */
type Firewall = (page: Page) => Promise<void>;

/** A classroom, and its name. */
interface Room {
  page: Page;
  name: string;
}

/** The lesson's first classroom behind a firewall and its second before it; both see and hear the teacher, who sees both. */
export async function oneBehind(
  firewall: Firewall,
  browser: Browser,
  server: Server,
  url: string,
  teacher: Page,
): Promise<{ behind: Room; other: Room }> {
  const codes = await server.pairingCodes(await server.openLesson());
  const [shut, open] = codes as [{ name: string; code: string }, { name: string; code: string }];
  const behind = { page: await openClassroom(browser, url, shut.code, firewall), name: shut.name };
  const other = { page: await openClassroom(browser, url, open.code), name: open.name };
  for (const { page } of [behind, other]) {
    await seesMotion(page.locator(".lesson-camera video"), "the teacher");
    await hears(page, "the teacher");
  }
  for (const { name } of [behind, other]) {
    const tile = teacher.locator(".tile", { hasText: name });
    await seesMotion(tile.locator("video"), `the tile of ${name}`);
    await expect(tile.locator(".mark")).toHaveText(/正常/);
  }
  return { behind, other };
}

/** How the connections of a page leave it: of each selected pair "candidate's type, protocol", of a relay its own protocol. */
export async function ways(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const found = new Set<string>();
    for (const connection of window.peerConnections) {
      if (connection.connectionState !== "connected") continue;
      const stats = (await connection.getStats()) as unknown as Map<string, Record<string, unknown>>;
      for (const entry of stats.values()) {
        if (entry["type"] !== "transport") continue;
        const pair = stats.get(String(entry["selectedCandidatePairId"]));
        const candidate = stats.get(String(pair?.["localCandidateId"]));
        const protocol = candidate?.["relayProtocol"] ?? candidate?.["protocol"];
        found.add(`${String(candidate?.["candidateType"])} ${String(protocol)}`);
      }
    }
    return [...found];
  });
}
