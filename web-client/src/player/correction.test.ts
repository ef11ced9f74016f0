import { expect, it } from "vitest";
import { correction, within } from "./correction";

it("leaves a picture in step alone", () => {
  expect(correction(0.02, true)).toEqual({ kind: "rate", factor: 1 });
});

it("catches up by rate, the more the further, and jumps when far off", () => {
  expect(correction(-0.1, true)).toEqual({ kind: "rate", factor: 1.05 });
  expect(correction(0.5, true)).toEqual({ kind: "rate", factor: 0.92 });
  expect(correction(1.5, true)).toEqual({ kind: "jump" });
});

it("jumps while paused, where no rate helps", () => {
  expect(correction(0.1, false)).toEqual({ kind: "jump" });
  expect(correction(0.01, false)).toEqual({ kind: "rate", factor: 1 });
});

it("converges: a follower half a second behind is in step within 10 s", () => {
  let ahead = -0.5;
  for (let tick = 0; tick < 100; tick++) {
    const step = correction(ahead, true);
    ahead += step.kind === "jump" ? -ahead : 0.1 * (step.factor - 1);
  }
  expect(Math.abs(ahead)).toBeLessThanOrEqual(0.045);
});

it("knows spans with a margin", () => {
  expect(within([[1000, 2000]], 2500, 0)).toBe(false);
  expect(within([[1000, 2000]], 2500, 600)).toBe(true);
  expect(within([], 0, 1000)).toBe(false);
});
