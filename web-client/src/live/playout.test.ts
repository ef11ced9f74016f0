import { beforeEach, expect, it } from "vitest";
import { Playout } from "./playout";

let now: number;
let playout: Playout;

beforeEach(() => {
  now = 0;
  playout = new Playout();
});

/** 2 s later, of which this was measured. */
function later(lossPermille: number, rttMs = 100, conversing = false): number | null {
  now += 2_000;
  playout.sample(now, { loss_permille: lossPermille, rtt_ms: rttMs }, conversing);
  return playout.holdMs;
}

it("leaves a line that loses little to the browser", () => {
  for (let times = 0; times < 10; times++) expect(later(20)).toBeNull();
});

it("holds back for as long as what was lost takes to come again, and not for ever", () => {
  expect(later(100)).toBe(350);
  expect(later(100, 20)).toBe(350);
  expect(later(100, 400)).toBe(500);
});

it("lets go when the line was good for a while", () => {
  later(100);
  for (let times = 0; times < 7; times++) expect(later(5)).toBe(350);
  expect(later(5)).toBeNull();
  expect(later(100, 10)).toBe(150);
});

it("does not delay who talks", () => {
  expect(later(100, 100, true)).toBeNull();
  expect(later(100)).toBe(350);
  expect(later(100, 100, true)).toBeNull();
});
