import { expect, it } from "vitest";
import { afterChange, fromWelcome, materialOf, stageOf } from "./room-state";
import { peer, room, welcome } from "./testing/fake-server";

const VIEW = fromWelcome(welcome({ room: room({ revision: 4, peers: [peer("a"), peer("b")] }) }), 1_699_999_999_000);

it("knows the server's clock", () => {
  expect(VIEW.clockOffsetMs).toBe(1_000);
});

it("replaces changed peers in place, adds new ones and drops those gone", () => {
  const next = afterChange(VIEW, 5, { peers: [peer("c"), peer("a", { on_stage: true })], gone: ["b"] });
  expect(next?.room.peers.map(({ id, on_stage }) => [id, on_stage])).toEqual([
    ["a", true],
    ["c", false],
  ]);
  expect(next === null ? [] : stageOf(next.room).map(({ id }) => id)).toEqual(["a"]);
  expect(VIEW.room.peers[0]?.on_stage).toBe(false);
});

it("does not trust a state with a revision missing", () => {
  expect(afterChange(VIEW, 6, {})).toBeNull();
});

it("takes a change that it already has as it is", () => {
  expect(afterChange(VIEW, 4, { observers: 3 })).toBe(VIEW);
});

it("shows the screen before the document camera, and only what flows", () => {
  const track = (source: "screen" | "document", flowing: boolean) => ({ id: source, source, flowing, muted: false });
  expect(materialOf(peer("t", { tracks: [track("document", true), track("screen", true)] }))?.id).toBe("screen");
  expect(materialOf(peer("t", { tracks: [track("document", true), track("screen", false)] }))?.id).toBe("document");
  expect(materialOf(peer("t"))).toBeUndefined();
});
