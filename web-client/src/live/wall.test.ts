import { expect, it } from "vitest";
import type { Report } from "../generated/signal/Report";
import { peer } from "./testing/fake-server";
import { classroomsOf, filtered, frontOf, hasTrouble, isByTcp, isDelayed, markOf, presentCount } from "./wall";

const report = (changes: Partial<Report>): { report: Report } => ({ report: { ...peer("").report, ...changes } });

it("marks a classroom by what is most urgent", () => {
  expect(markOf(peer("a")).kind).toBe("good");
  expect(markOf(peer("a", { hand: 2 }))).toEqual({ kind: "hand", place: 2 });
  expect(markOf(peer("a", { hand: 2, help: true })).kind).toBe("help");
  expect(markOf(peer("a", { presence: "expected" })).kind).toBe("expected");
  expect(markOf(peer("a", { presence: "lost", since: "2026-11-23T01:00:00Z" }))).toEqual({
    kind: "lost",
    since: Date.parse("2026-11-23T01:00:00Z"),
  });
  expect(markOf(peer("a", report({ hears: false, sees: false }))).kind).toBe("noSound");
  expect(markOf(peer("a", report({ sees: false }))).kind).toBe("noPicture");
  expect(markOf(peer("a", report({ loss_permille: 50 }))).kind).toBe("weak");
  expect(markOf(peer("a", report({ camera_works: null }))).kind).toBe("camera");
});

it("says that a classroom sees the lesson late, while it does", () => {
  const late = peer("a", { presence: "no_media", ...report({ delayed_ms: 2_500 }) });
  expect(markOf(late).kind).toBe("delayed");
  expect(hasTrouble(late)).toBe(false);
  expect(isDelayed(late)).toBe(true);
  expect(markOf({ ...late, report: { ...late.report, hears: false } }).kind).toBe("noSound");
  expect(markOf({ ...late, hand: 1 }).kind).toBe("hand");
  expect(isDelayed({ ...late, presence: "lost" })).toBe(false);
  expect(markOf(peer("a", { presence: "no_media" })).kind).toBe("noMedia");
});

it("counts trouble also below a raised hand", () => {
  expect(hasTrouble(peer("a", { hand: 1, ...report({ hears: false }) }))).toBe(true);
  expect(hasTrouble(peer("a", { hand: 1 }))).toBe(false);
  expect(hasTrouble(peer("a", { presence: "expected" }))).toBe(false);
});

it("keeps every classroom at its place whatever order it came in", () => {
  const rooms = [
    peer("1", { name: "三年级(10)班" }),
    peer("2", { name: "三年级(2)班" }),
    peer("3", { role: "teacher" }),
  ];
  expect(classroomsOf(rooms).map(({ id }) => id)).toEqual(["2", "1"]);
  expect(classroomsOf(rooms.reverse()).map(({ id }) => id)).toEqual(["2", "1"]);
});

it("lists help, then hands in their order, then trouble in front", () => {
  const rooms = [
    peer("weak", report({ loss_permille: 90 })),
    peer("second", { hand: 2 }),
    peer("fine"),
    peer("first", { hand: 1 }),
    peer("help", { help: true }),
  ];
  expect(frontOf(rooms).map(({ id }) => id)).toEqual(["help", "first", "second", "weak"]);
  expect(filtered(rooms, "hands").map(({ id }) => id)).toEqual(["first", "second"]);
  expect(filtered(rooms, "trouble").map(({ id }) => id)).toEqual(["weak", "help"]);
  expect(filtered(rooms, "all")).toHaveLength(5);
  expect(presentCount([...rooms, peer("gone", { presence: "lost" })])).toBe(5);
});

it("says that a classroom has no UDP, while media passes", () => {
  expect(isByTcp(peer("a"))).toBe(false);
  const shut = peer("a", report({ transport: "tcp" }));
  expect(isByTcp(shut)).toBe(true);
  expect(markOf(shut).kind).toBe("good");
  expect(isByTcp({ ...shut, presence: "lost" })).toBe(false);
});
