import { expect, it } from "vitest";
import { type OpenTransport, signalTransport, type TransportEvents } from "./transport";

/** Ways that were tried, and the events of the last. */
function ways(): { tried: string[]; last: () => TransportEvents; way: (name: string) => OpenTransport } {
  const tried: string[] = [];
  let told: TransportEvents | null = null;
  return {
    tried,
    last: () => {
      if (told === null) throw new Error("nothing was tried");
      return told;
    },
    way: (name) => (events) => {
      tried.push(name);
      told = events;
      return { send: () => undefined, close: () => undefined };
    },
  };
}

const NOBODY: TransportEvents = { opened: () => undefined, message: () => undefined, closed: () => undefined };

it("tries requests once two sockets have failed, and sockets again whenever the line is made anew", () => {
  const { tried, last, way } = ways();
  const open = signalTransport("/signal", way("socket"), way("events"));
  open(NOBODY);
  last().closed();
  // One that hangs is given up.
  open(NOBODY).close();
  open(NOBODY);
  expect(tried).toEqual(["socket", "socket", "events"]);
  last().opened();
  last().message("{}");
  last().closed();
  open(NOBODY);
  last().closed();
  open(NOBODY);
  expect(tried.slice(3)).toEqual(["socket", "events"]);
});

it("stays with sockets where they work, and takes turns where nothing does", () => {
  const { tried, last, way } = ways();
  const open = signalTransport("/signal", way("socket"), way("events"));
  for (let time = 0; time < 4; time++) {
    open(NOBODY);
    last().opened();
    last().message("{}");
    last().closed();
  }
  expect(new Set(tried)).toEqual(new Set(["socket"]));
  tried.length = 0;
  for (let time = 0; time < 6; time++) {
    open(NOBODY);
    last().closed();
  }
  expect(tried).toEqual(["socket", "socket", "events", "socket", "events", "socket"]);
});
