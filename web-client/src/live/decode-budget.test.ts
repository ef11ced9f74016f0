import { beforeEach, expect, it } from "vitest";
import { DecodeBudget } from "./decode-budget";
import type { ConnectionSample, StreamSample } from "./health-monitor";

let now: number;
let picture: StreamSample;
let budget: DecodeBudget;

beforeEach(() => {
  now = 0;
  picture = {
    kind: "video",
    packets: 0,
    lost: 0,
    frames: 0,
    dropped: 0,
    decodeSeconds: 0,
    framesPerSecond: 25,
    height: 720,
    playedSeconds: 0,
    frozenMs: 0,
  };
  budget = new DecodeBudget(4);
});

/** 2 s later: so many of 50 frames were thrown away, and each of the others took so long. */
function later(dropped: number, decodeMs = 5, shown = true): boolean {
  now += 2_000;
  const decoded = 50 - dropped;
  picture = {
    ...picture,
    frames: picture.frames + decoded,
    dropped: picture.dropped + dropped,
    decodeSeconds: picture.decodeSeconds + (decoded * decodeMs) / 1000,
  };
  const sample: ConnectionSample = { rttMs: 0, transport: "udp", streams: new Map([["picture", picture]]) };
  return budget.sample(now, sample, shown);
}

/** So many samples, each 2 s; how often the bound changed. */
const times = (count: number, dropped: number, decodeMs?: number) =>
  Array.from({ length: count }, () => later(dropped, decodeMs)).filter(Boolean).length;

it("bounds nothing where all is decoded in time", () => {
  expect(times(100, 2)).toBe(0);
  expect(budget.lines).toBe(0);
  expect(new DecodeBudget(1).lines).toBe(720);
});

it("asks for half of the pixels when frames are thrown away for long, not for a moment", () => {
  times(3, 0);
  times(2, 25);
  times(1, 0);
  times(2, 25);
  expect(budget.lines).toBe(0);
  expect(times(1, 25)).toBe(1);
  expect(budget.lines).toBe(504);
});

it("asks for less when decoding takes all the time there is", () => {
  times(1, 0);
  expect(times(3, 0, 39)).toBe(1);
  expect(budget.lines).toBe(504);
});

it("goes down to the least and no further", () => {
  times(1, 0);
  for (const height of [720, 360, 180, 180]) {
    picture.height = height;
    times(3, 40);
  }
  expect(budget.lines).toBe(180);
});

it("tries more after a minute, and waits longer after each try that failed", () => {
  times(1, 0);
  times(3, 25);
  expect(budget.lines).toBe(504);
  picture.height = 360;
  expect(times(30, 0)).toBe(0);
  expect(times(1, 0)).toBe(1);
  expect(budget.lines).toBe(706);
  picture.height = 720;
  times(3, 25);
  expect(budget.lines).toBe(494);
  picture.height = 360;
  expect(times(60, 0)).toBe(0);
  expect(times(1, 0)).toBe(1);
  expect(budget.lines).toBe(692);
});

it("has no bound again after a long time without trouble", () => {
  times(1, 0);
  times(3, 25);
  times(600, 0);
  expect(budget.lines).toBe(0);
});

it("takes no notice while the page is hidden", () => {
  times(1, 0);
  for (let count = 0; count < 20; count += 1) later(45, 5, false);
  times(3, 0);
  expect(budget.lines).toBe(0);
});
