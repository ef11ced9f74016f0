import { beforeEach, expect, it } from "vitest";
import { settle, VirtualClock } from "../live/testing/virtual-clock";
import { ClaimWait } from "./claim";

let clock: VirtualClock;
let codes: string[];
let claims: number;
let answer: () => Promise<"paired" | "waiting" | "gone">;
let paired: number;

/** The server holds its answer back. */
function held(what: "paired" | "waiting" | "gone", ms = 10_000): () => Promise<"paired" | "waiting" | "gone"> {
  return () => new Promise((resolve) => clock.after(ms, () => resolve(what)));
}

function wait(): ClaimWait {
  return new ClaimWait({
    clock,
    claim: () => {
      claims++;
      const code = codes.shift();
      return code === undefined
        ? Promise.reject(new Error("no line"))
        : Promise.resolve({ code, expires_at: "", now: "" });
    },
    collect: () => answer(),
    troubleOf: () => "offline",
    paired: () => {
      paired++;
    },
  });
}

beforeEach(() => {
  clock = new VirtualClock();
  codes = ["123456", "654321"];
  claims = 0;
  paired = 0;
  answer = held("waiting");
});

it("shows its code while nobody uses it, and tells when it was used", async () => {
  const waiting = wait();
  await clock.advance(35_000);
  expect(waiting.state.get()).toEqual({ code: "123456", trouble: null });
  expect(claims).toBe(1);
  answer = held("paired", 200);
  await clock.advance(10_000);
  expect(paired).toBe(1);
  expect(clock.waiting).toBe(0);
});

it("gets another code when the one it shows lapsed", async () => {
  answer = held("gone");
  const waiting = wait();
  await settle();
  expect(waiting.state.get().code).toBe("123456");
  await clock.advance(10_000);
  expect(waiting.state.get().code).toBe("654321");
});

it("keeps its code over an outage and goes on by itself", async () => {
  answer = () => Promise.reject(new Error("no line"));
  const waiting = wait();
  await clock.advance(7_000);
  expect(waiting.state.get()).toEqual({ code: "123456", trouble: "offline" });
  answer = held("waiting");
  await clock.advance(14_000);
  expect(waiting.state.get()).toEqual({ code: "123456", trouble: null });
});

it("asks again for a first code when the server cannot be reached", async () => {
  codes = [];
  const waiting = wait();
  await settle();
  expect(waiting.state.get()).toEqual({ code: null, trouble: "offline" });
  codes = ["111222"];
  await clock.advance(3_000);
  expect(waiting.state.get()).toEqual({ code: "111222", trouble: null });
});

it("does not flood a server that answers at once", async () => {
  let asked = 0;
  answer = () => {
    asked++;
    return Promise.resolve("waiting");
  };
  wait();
  await clock.advance(30_000);
  expect(asked).toBeLessThanOrEqual(11);
});

it("asks nothing more once it is closed", async () => {
  const waiting = wait();
  await settle();
  waiting.close();
  answer = () => Promise.reject(new Error("asked"));
  await clock.advance(60_000);
  expect(waiting.state.get().trouble).toBe(null);
  expect(paired).toBe(0);
});
