import { beforeEach, expect, it } from "vitest";
import type { TerminalState } from "../api/client";
import { settle, VirtualClock } from "../live/testing/virtual-clock";
import { TerminalFeed } from "./terminal-feed";

let clock: VirtualClock;
let asked: number;
let answer: () => Promise<TerminalState | null>;
let streams: { say: (terminal: TerminalState) => void; end: () => void; closed: boolean }[];

function terminal(changes: Partial<TerminalState> = {}): TerminalState {
  const school = { id: "s", name: "岔口小学", region: "演示区" };
  return {
    terminal: "t",
    classroom: { id: "c", name: "三年级(1)班", school },
    now: new Date(clock.now() + 500).toISOString(),
    upcoming: [],
    ...changes,
  };
}

function feed(): TerminalFeed {
  return new TerminalFeed({
    clock,
    ask: () => {
      asked++;
      return answer();
    },
    open: (say, end) => {
      const stream = { say, end, closed: false };
      streams.push(stream);
      return {
        close: () => {
          stream.closed = true;
        },
      };
    },
  });
}

beforeEach(() => {
  clock = new VirtualClock();
  asked = 0;
  streams = [];
  answer = () => Promise.resolve(terminal());
});

it("follows the stream once paired", async () => {
  const following = feed();
  await settle();
  expect(following.state.get()).toMatchObject({ kind: "paired", offsetMs: 500, lostSince: null });
  expect(streams).toHaveLength(1);
  streams[0]?.say(terminal({ terminal: "again" }));
  expect(following.state.get()).toMatchObject({ terminal: { terminal: "again" } });
  expect(asked).toBe(1);
});

it("asks when the stream is silent, and keeps what it knew through an outage of any length", async () => {
  const following = feed();
  await settle();
  answer = () => Promise.reject(new Error("unreachable"));
  streams[0]?.end();
  await clock.advance(3_600_000);
  expect(following.state.get()).toMatchObject({ kind: "paired", lostSince: 1_700_000_000_000 });
  expect(asked).toBeGreaterThan(1_000);
  answer = () => Promise.resolve(terminal());
  await clock.advance(2_000);
  expect(following.state.get()).toMatchObject({ kind: "paired", lostSince: null });
  expect(streams).toHaveLength(2);
});

it("replaces a stream that went dead without a word", async () => {
  feed();
  await settle();
  answer = () => Promise.reject(new Error("unreachable"));
  await clock.advance(40_000);
  expect(streams[0]?.closed).toBe(true);
});

it("goes back to pairing when revoked, and says that it was paired", async () => {
  const following = feed();
  await clock.advance(5_000);
  answer = () => Promise.resolve(null);
  streams[0]?.end();
  await settle();
  expect(following.state.get()).toEqual({ kind: "unpaired", was: true });
  await clock.advance(60_000);
  expect(asked).toBe(2);
});

it("knows a screen that was never paired", async () => {
  answer = () => Promise.resolve(null);
  const following = feed();
  await settle();
  expect(following.state.get()).toEqual({ kind: "unpaired", was: false });
});

it("asks every two seconds where streams do not work, no more often", async () => {
  feed();
  await settle();
  for (let round = 0; round < 30; round++) {
    streams.at(-1)?.end();
    await clock.advance(100);
  }
  expect(asked).toBeLessThanOrEqual(3);
  expect(streams.length).toBeLessThanOrEqual(3);
});
