import { beforeEach, expect, it } from "vitest";
import { Fallback, type FallbackState, type Passage, PATIENCE_MS, RETURN_MS } from "./fallback";
import { VirtualClock } from "./testing/virtual-clock";

let clock: VirtualClock;
let passage: Passage;
let fallback: Fallback;
let seen: FallbackState[];

beforeEach(() => {
  clock = new VirtualClock();
  passage = { live: true, line: true, media: "up" };
  fallback = new Fallback(clock, () => passage);
  seen = [];
  fallback.state.subscribe(() => seen.push(fallback.state.get()));
});

async function become(change: Partial<Passage>, ms = 0): Promise<void> {
  passage = { ...passage, ...change };
  fallback.look();
  await clock.advance(ms);
}

it("plays the lesson late when no media came up for ten seconds of it, however often it was tried", async () => {
  await become({ media: "connecting" }, 8_000);
  await become({ media: "failed" }, 50);
  await become({ media: "connecting" }, PATIENCE_MS - 8_100);
  expect(seen).toEqual([]);
  expect(fallback.downSince).toBe(clock.now() - PATIENCE_MS + 50);
  await clock.advance(50);
  expect(seen).toEqual(["delayed"]);
});

it("does not count before the lesson is live, nor while the whole line is gone, nor where nobody sends", async () => {
  await become({ media: "connecting", live: false }, 60_000);
  await become({ live: true, line: false }, 60_000);
  await become({ line: true }, PATIENCE_MS - 1);
  await become({ line: false }, 1);
  await become({ line: true, media: "idle" }, 60_000);
  await become({ media: "up" }, 60_000);
  expect(seen).toEqual([]);
});

it("forgives what recovers by itself", async () => {
  await become({ media: "disturbed" }, PATIENCE_MS - 1);
  await become({ media: "up" }, 60_000);
  await become({ media: "disturbed" }, PATIENCE_MS - 1);
  expect(seen).toEqual([]);
});

it("goes back when the picture is there, not before", async () => {
  await become({ media: "failed" }, PATIENCE_MS);
  fallback.seen();
  expect(seen).toEqual(["delayed"]);
  await become({ media: "up" }, RETURN_MS - 1);
  expect(seen).toEqual(["delayed", "returning"]);
  fallback.seen();
  expect(seen).toEqual(["delayed", "returning", "direct"]);
  await clock.advance(60_000);
  expect(seen).toHaveLength(3);
});

it("goes back without a picture when the teacher shows none", async () => {
  await become({ media: "failed" }, PATIENCE_MS);
  await become({ media: "up" }, RETURN_MS);
  expect(seen).toEqual(["delayed", "returning", "direct"]);
});

it("goes on playing late, at once, when media falls again on the way back", async () => {
  await become({ media: "failed" }, PATIENCE_MS);
  await become({ media: "up" }, 1_000);
  await become({ media: "disturbed" }, 60_000);
  expect(seen).toEqual(["delayed", "returning", "delayed"]);
});

it("keeps what plays when the line of signalling goes, and ends with the lesson", async () => {
  await become({ media: "failed" }, PATIENCE_MS);
  await become({ line: false }, 60_000);
  expect(seen).toEqual(["delayed"]);
  await become({ live: false });
  expect(seen).toEqual(["delayed", "direct"]);
  expect(clock.waiting).toBe(0);
});

it("leaves nothing behind", async () => {
  await become({ media: "failed" });
  fallback.close();
  expect(clock.waiting).toBe(0);
});
