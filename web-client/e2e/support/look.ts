import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, type Page } from "@playwright/test";
import type { AxeResults } from "axe-core";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
/** Where pictures of the pages are put. */
export const SHOTS = process.env["SCREENSHOTS"] ?? join(import.meta.dirname, "../../../test-results/screenshots");
export const DESKS = [
  { width: 1920, height: 1080 },
  { width: 1366, height: 768 },
];
export const PHONE = { width: 390, height: 844 };
/** A television is read from 8 m: the smallest text is this share of its height. */
const TELEVISION_TEXT = 1 / 28;

interface Looking {
  sizes?: { width: number; height: number }[];
  /** What is to be there after loading, besides pictures in what shows pictures. */
  ready?: () => Promise<unknown>;
}

/** No violation of axe, no scrolling sideways, and a picture of it, at each size and in both languages. */
export async function looked(page: Page, name: string, { sizes = DESKS, ready }: Looking = {}): Promise<void> {
  // Chinese last: the story goes on in it.
  for (const language of ["en", "zh"] as const) {
    const address = new URL(page.url());
    address.searchParams.set("lang", language);
    await page.goto(address.href);
    await ready?.();
    await pictured(page, `${name}-${language}`, sizes);
  }
}

/** The same for a page as it stands, without loading it anew. */
export async function pictured(page: Page, name: string, sizes = DESKS): Promise<void> {
  for (const size of sizes) {
    await page.setViewportSize(size);
    await settled(page);
    await page.screenshot({ path: join(SHOTS, `${name}-${size.width}x${size.height}.png`) });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, `${name} scrolls sideways at ${size.width}`).toBeLessThanOrEqual(0);
    if ((await page.locator("#classroom").count()) > 0)
      expect(await smallestText(page), `smallest text of ${name}`).toBeGreaterThanOrEqual(
        Math.floor(size.height * TELEVISION_TEXT),
      );
  }
  await accessible(page, name);
}

/** The size of the smallest text that is shown, in pixels. */
async function smallestText(page: Page): Promise<number> {
  return page.evaluate(() => {
    let smallest = Infinity;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const element = node.parentElement;
      if (element === null || (node.textContent ?? "").trim() === "" || element.closest(".visually-hidden")) continue;
      if (element.checkVisibility() && element.offsetParent !== null)
        smallest = Math.min(smallest, Number.parseFloat(getComputedStyle(element).fontSize));
    }
    return smallest;
  });
}

/** Waits until nothing is loading and pictures have come. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState("load");
  await expect(page.locator("h1").first()).toBeAttached();
  await expect(page.locator(".ant-skeleton, .ant-spin-spinning, .entering, .health[data-good=wait]")).toHaveCount(0);
  await page.waitForFunction(() =>
    [...document.querySelectorAll("video")].every(
      (video) => video.srcObject === null || video.offsetParent === null || video.videoWidth > 0,
    ),
  );
  await page.waitForFunction(() =>
    document.getAnimations().every((moving) => !(moving instanceof CSSTransition) || moving.playState !== "running"),
  );
  await page.evaluate(async () => {
    await document.fonts.ready;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  });
}

/** axe finds nothing to object to. */
export async function accessible(page: Page, name: string): Promise<void> {
  await page.evaluate(await readFile(AXE, "utf8"));
  const results = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: () => Promise<AxeResults> } };
    return axe.run();
  });
  const found = results.violations.map(
    (violation) => `${violation.id}: ${violation.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`,
  );
  expect(found, name).toEqual([]);
}
