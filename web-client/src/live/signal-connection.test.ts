import { beforeEach, describe, expect, it } from "vitest";
import type { ServerMessage } from "../generated/signal/ServerMessage";
import { ActionError, SignalConnection, TokenError } from "./signal-connection";
import { FakeNetwork, welcome } from "./testing/fake-server";
import { settle, VirtualClock } from "./testing/virtual-clock";

const WISH = { publish: [], watch: [{ who: "teacher" as const, sources: [], height: 720, priority: 255 }] };

let clock: VirtualClock;
let network: FakeNetwork;
let heard: ServerMessage[];
let tokens: boolean[];
let token: (fresh: boolean) => Promise<string>;
let connection: SignalConnection;

async function connect(): Promise<void> {
  connection = new SignalConnection({
    clock,
    random: () => 0.5,
    open: network.open,
    token: (fresh) => {
      tokens.push(fresh);
      return token(fresh);
    },
    instance: "tab",
    wish: WISH,
    onMessage: (message) => heard.push(message),
  });
  await settle();
}

async function up(): Promise<void> {
  await connect();
  network.newest.open();
  network.newest.say(welcome());
}

beforeEach(() => {
  clock = new VirtualClock();
  network = new FakeNetwork();
  heard = [];
  tokens = [];
  token = () => Promise.resolve("token");
});

describe("hello", () => {
  it("states token, tab and wish, and is up with the welcome", async () => {
    await connect();
    expect(connection.state.get().kind).toBe("connecting");
    network.newest.open();
    expect(network.newest.sent).toEqual([
      { type: "hello", version: 1, token: "token", instance: "tab", take_over: true, revision: 0, wish: WISH },
    ]);
    network.newest.say(welcome());
    expect(connection.state.get().kind).toBe("up");
    expect(heard.map((message) => message.type)).toEqual(["welcome"]);
  });

  it("restates the newest wish and the last revision after a loss", async () => {
    await up();
    const wish = { ...WISH, publish: [{ source: "camera" as const, muted: false }] };
    connection.setWish(wish);
    expect(network.newest.last("wish")?.wish).toEqual(wish);
    connection.sawRevision(7);
    network.newest.drop();
    await clock.advance(2_000);
    expect(network.sockets).toHaveLength(2);
    network.newest.open();
    expect(network.newest.last("hello")).toMatchObject({ revision: 7, wish });
  });

  it("states a wish that changed between hello and its welcome", async () => {
    await connect();
    network.newest.open();
    const wish = { ...WISH, publish: [{ source: "microphone" as const, muted: false }] };
    connection.setWish(wish);
    expect(network.newest.last("wish")).toBeUndefined();
    network.newest.say(welcome());
    expect(network.newest.last("wish")?.wish).toEqual(wish);
  });

  it("states nothing after the welcome when the wish is that of hello", async () => {
    await connect();
    connection.setWish({ ...WISH, publish: [{ source: "camera" as const, muted: false }] });
    network.newest.open();
    network.newest.say(welcome());
    expect(network.newest.last("wish")).toBeUndefined();
  });

  it("does not repeat a wish that is the same", async () => {
    await up();
    connection.setWish({ ...WISH });
    expect(network.newest.last("wish")).toBeUndefined();
  });
});

describe("an outage", () => {
  it("is tried again for ever, never more than 2 s apart", async () => {
    await up();
    network.newest.drop();
    expect(connection.state.get()).toMatchObject({ kind: "lost", since: clock.now() });
    let last = clock.now();
    for (let attempt = 0; attempt < 200; attempt++) {
      const before = network.sockets.length;
      while (network.sockets.length === before) await clock.advance(50);
      expect(clock.now() - last).toBeLessThanOrEqual(2_050);
      last = clock.now();
      network.newest.drop();
    }
    network.newest.open();
    network.newest.say(welcome());
    await clock.advance(3_000);
    network.newest.open();
    network.newest.say(welcome());
    expect(connection.state.get().kind).toBe("up");
  });

  it("is over within 2 s of the line's return even when a handshake hangs", async () => {
    await up();
    network.newest.drop();
    // For 30 s every handshake hangs.
    await clock.advance(30_000);
    const hung = network.sockets.length;
    await clock.advance(2_000);
    expect(network.sockets.length).toBeGreaterThan(hung);
    expect(network.sockets.filter((socket) => !socket.closed).length).toBeLessThanOrEqual(3);
    network.newest.open();
    network.newest.say(welcome());
    expect(connection.state.get().kind).toBe("up");
    expect(network.sockets.filter((socket) => !socket.closed)).toHaveLength(1);
  });

  it("ends at once when the browser says the network is back", async () => {
    await up();
    for (let attempt = 0; attempt < 6; attempt++) {
      network.newest.drop();
      await clock.advance(2_000);
    }
    network.newest.drop();
    const before = network.sockets.length;
    connection.nudge();
    await settle();
    expect(network.sockets.length).toBe(before + 1);
  });

  it("is noticed by silence although the socket claims to be open", async () => {
    await up();
    await clock.advance(3_000);
    expect(network.newest.last("ping")).toBeDefined();
    network.newest.say({ type: "pong", id: 1 });
    await clock.advance(5_000);
    expect(connection.state.get().kind).toBe("up");
    await clock.advance(3_000);
    expect(connection.state.get().kind).toBe("lost");
    expect(network.sockets.length).toBeGreaterThan(1);
  });

  it("waits as long as a closing server asks", async () => {
    await up();
    network.newest.say({ type: "closing", retry_after_ms: 700 });
    await clock.advance(690);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(20);
    expect(network.sockets).toHaveLength(2);
  });
});

describe("refusals", () => {
  it("a taken seat stops, and no other attempt is made", async () => {
    await up();
    network.newest.say({ type: "error", code: "seat_taken", message: "", fatal: true });
    expect(connection.state.get()).toEqual({ kind: "stopped", code: "seat_taken" });
    await clock.advance(60_000);
    connection.nudge();
    await clock.advance(60_000);
    expect(network.sockets).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });

  it("an expired token is replaced by a fresh one", async () => {
    await connect();
    network.newest.open();
    network.newest.say({ type: "error", code: "token_expired", message: "", fatal: true });
    await clock.advance(2_000);
    expect(tokens).toEqual([false, true]);
  });

  it("a server that refuses the token for good stops the line", async () => {
    token = () => Promise.reject(new TokenError("signed_out"));
    await connect();
    expect(connection.state.get()).toEqual({ kind: "stopped", code: "signed_out" });
  });

  it("a token that cannot be had yet is asked for again", async () => {
    token = () => Promise.reject(new TokenError(null));
    await connect();
    await clock.advance(10_000);
    expect(tokens.length).toBeGreaterThan(4);
    token = () => Promise.resolve("token");
    await clock.advance(2_000);
    network.newest.open();
    network.newest.say(welcome());
    expect(connection.state.get().kind).toBe("up");
  });

  it("a full room is tried again", async () => {
    await connect();
    network.newest.open();
    network.newest.say({ type: "error", code: "full", message: "", fatal: true });
    await clock.advance(2_000);
    expect(network.sockets).toHaveLength(2);
  });
});

describe("actions", () => {
  it("resolve when done and reject with the code", async () => {
    await up();
    const done = connection.act({ do: "start" });
    const act = network.newest.last("act");
    network.newest.say({ type: "done", id: act?.id ?? 0 });
    await expect(done).resolves.toBeUndefined();
    const refused = connection.act({ do: "end" });
    network.newest.say({
      type: "error",
      id: network.newest.last("act")?.id ?? 0,
      code: "forbidden",
      message: "",
      fatal: false,
    });
    await expect(refused).rejects.toMatchObject({ code: "forbidden" });
  });

  it("fail as lost when the line breaks or nothing answers", async () => {
    await up();
    const broken = connection.act({ do: "start" });
    network.newest.drop();
    await expect(broken).rejects.toBeInstanceOf(ActionError);
    await expect(connection.act({ do: "start" })).rejects.toMatchObject({ code: "lost" });
  });
});

it("leaves nothing behind when closed", async () => {
  await up();
  connection.close();
  await clock.advance(60_000);
  expect(network.sockets.every((socket) => socket.closed)).toBe(true);
  expect(network.sockets).toHaveLength(1);
  expect(clock.waiting).toBe(0);
});
