import { beforeEach, expect, it, vi } from "vitest";
import type { ClientMessage } from "../generated/signal/ClientMessage";
import type { Offer } from "../generated/signal/Offer";
import type { Section } from "../generated/signal/Section";
import { MediaSession, TEACHER_ENCODINGS } from "./media-session";
import { settle, VirtualClock } from "./testing/virtual-clock";

class FakeTransceiver {
  readonly mid: string;
  direction = "recvonly";
  currentDirection: string | null = null;
  readonly receiver: { track: { id: string }; jitterBufferTarget: number | null };
  readonly parameters: { encodings: RTCRtpEncodingParameters[]; degradationPreference?: string } = { encodings: [{}] };
  readonly sender = {
    track: null as unknown,
    replaceTrack: (track: unknown) => {
      this.sender.track = track;
      return Promise.resolve();
    },
    getParameters: () => this.parameters,
    setParameters: vi.fn(() => Promise.resolve()),
  };

  constructor(mid: string) {
    this.mid = mid;
    this.receiver = { track: { id: `track-${mid}` }, jitterBufferTarget: null };
  }
}

class FakeConnection {
  transceivers: FakeTransceiver[] = [];
  connectionState = "new";
  onconnectionstatechange: (() => void) | null = null;
  localDescription: { sdp: string } | null = null;
  closed = false;
  fail = false;

  setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    if (this.fail) return Promise.reject(new Error("bad sdp"));
    for (const mid of sdp.split(" "))
      if (!this.transceivers.some((transceiver) => transceiver.mid === mid))
        this.transceivers.push(new FakeTransceiver(mid));
    return Promise.resolve();
  }
  createAnswer = () => Promise.resolve({ type: "answer", sdp: "answer" });
  setLocalDescription(): Promise<void> {
    this.localDescription = { sdp: `answer to ${this.transceivers.length}` };
    return Promise.resolve();
  }
  getTransceivers = () => this.transceivers;
  close(): void {
    this.closed = true;
  }
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

let clock: VirtualClock;
let made: FakeConnection[];
let sent: ClientMessage[];
let session: MediaSession;
const send = (mid: string, source: "camera" | "screen" = "camera"): Section => ({
  mid,
  kind: "video",
  direction: "send",
  source,
});
const receive = (mid: string, track: string): Section => ({
  mid,
  kind: "video",
  direction: "receive",
  track,
  peer: "teacher",
  source: "camera",
});
const offer = (negotiation: number, sections: Section[], fresh = false): Offer => ({
  negotiation,
  fresh,
  sdp: sections.map((section) => section.mid).join(" "),
  sections,
});
const track = (id: string): MediaStreamTrack => ({ id }) as MediaStreamTrack;
const newest = (): FakeConnection => {
  const connection = made.at(-1);
  if (connection === undefined) throw new Error("no connection was made");
  return connection;
};

beforeEach(() => {
  clock = new VirtualClock();
  made = [];
  sent = [];
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  session = new MediaSession({
    clock,
    create: () => {
      const connection = new FakeConnection();
      made.push(connection);
      return connection as unknown as RTCPeerConnection;
    },
    send: (message) => sent.push(message),
    encodings: TEACHER_ENCODINGS,
  });
});

it("answers an offer, sends by source and receives by track", async () => {
  session.setLocal("camera", track("cam"));
  await session.offer(offer(1, [send("0"), receive("1", "t1")], true));
  expect(sent).toEqual([{ type: "answer", negotiation: 1, sdp: "answer to 2" }]);
  const [own, theirs] = newest().transceivers;
  expect(own?.direction).toBe("sendonly");
  expect(own?.sender.track).toEqual({ id: "cam" });
  expect(own?.parameters.encodings[0]?.maxBitrate).toBe(TEACHER_ENCODINGS.camera.maxBitrate);
  expect(theirs?.direction).toBe("recvonly");
  expect(session.remote.get().get("t1")).toMatchObject({ peer: "teacher", source: "camera", media: { id: "track-1" } });
});

it("holds back what comes, also by the connection after", async () => {
  const held = (): (number | null)[] => newest().transceivers.map(({ receiver }) => receiver.jitterBufferTarget);
  await session.offer(offer(1, [receive("1", "t1")], true));
  session.hold(300);
  expect(held()).toEqual([300]);
  await session.offer(offer(2, [receive("1", "t1"), receive("2", "t2")], true));
  expect(held()).toEqual([300, 300]);
  session.hold(null);
  expect(held()).toEqual([null, null]);
});

it("sends layers where the server asks for them, each smaller than the one before", async () => {
  await session.offer(offer(1, [send("0")], true));
  const [own] = newest().transceivers;
  own?.parameters.encodings.push({}, {});
  session.setLocal("camera", track("cam"));
  await settle();
  expect(own?.parameters.encodings).toEqual([
    { maxBitrate: 1_500_000, maxFramerate: 30, scaleResolutionDownBy: 1 },
    { maxBitrate: 450_000, maxFramerate: 30, scaleResolutionDownBy: 2 },
    { maxBitrate: 150_000, maxFramerate: 30, scaleResolutionDownBy: 4 },
  ]);
});

it("pauses the layers nobody takes, and sends all again on a new connection", async () => {
  session.setLocal("camera", track("cam"));
  const layers = () => {
    const [own] = newest().transceivers;
    own?.parameters.encodings.splice(0, 3, { rid: "f" }, { rid: "h" }, { rid: "q" });
    return () => own?.parameters.encodings.map(({ active }) => active ?? true);
  };
  await session.offer(offer(1, [send("0")], true));
  const active = layers();
  session.pauseLayers("camera", ["h"]);
  await settle();
  expect(active()).toEqual([true, false, true]);
  const calls = newest().transceivers[0]?.sender.setParameters.mock.calls.length;
  await session.offer(offer(2, [send("0")]));
  expect(newest().transceivers[0]?.sender.setParameters.mock.calls).toHaveLength(calls ?? 0);
  session.pauseLayers("camera", []);
  await settle();
  expect(active()).toEqual([true, true, true]);
  session.pauseLayers("camera", ["h"]);
  await session.offer(offer(3, [send("0")], true));
  const renewed = layers();
  session.setLocal("camera", track("cam"));
  await settle();
  expect(renewed()).toEqual([true, true, true]);
});

it("puts another camera in without a negotiation, and takes it out", async () => {
  await session.offer(offer(1, [send("0")], true));
  session.setLocal("camera", track("second"));
  await settle();
  expect(newest().transceivers[0]?.sender.track).toEqual({ id: "second" });
  session.setLocal("camera", null);
  await settle();
  expect(newest().transceivers[0]?.sender.track).toBeNull();
  expect(sent).toHaveLength(1);
});

it("turns sections that are no longer listed off and forgets their tracks", async () => {
  await session.offer(offer(1, [send("0"), receive("1", "t1")], true));
  await session.offer({ ...offer(2, [send("0")]), sdp: "0 1" });
  expect(newest().transceivers[1]?.direction).toBe("inactive");
  expect(session.remote.get().size).toBe(0);
  expect(made).toHaveLength(1);
});

it("makes a new connection for a fresh offer and closes the old one", async () => {
  session.setLocal("camera", track("cam"));
  await session.offer(offer(1, [send("0")], true));
  await session.offer(offer(2, [send("0")], true));
  expect(made).toHaveLength(2);
  expect(made[0]?.closed).toBe(true);
  expect(newest().transceivers[0]?.sender.track).toEqual({ id: "cam" });
});

it("skips an offer that was overtaken", async () => {
  void session.offer(offer(1, [send("0")], true));
  void session.offer(offer(2, [send("0")]));
  await session.offer(offer(3, [send("0"), send("1", "screen")]));
  expect(sent.map((message) => message.type === "answer" && message.negotiation)).toEqual([1, 3]);
});

it("asks for a restart at once when the connection failed, and again until one is offered", async () => {
  await session.offer(offer(1, [receive("0", "t")], true));
  newest().become("connected");
  expect(session.state.get().kind).toBe("up");
  newest().become("failed");
  expect(sent.filter((message) => message.type === "restart")).toHaveLength(1);
  await clock.advance(9_000);
  expect(sent.filter((message) => message.type === "restart")).toHaveLength(3);
  await session.offer(offer(2, [receive("0", "t")], true));
  newest().become("connected");
  await clock.advance(60_000);
  expect(sent.filter((message) => message.type === "restart")).toHaveLength(3);
});

it("gives a disturbed connection time to recover", async () => {
  await session.offer(offer(1, [receive("0", "t")], true));
  newest().become("connected");
  newest().become("disconnected");
  expect(session.state.get().kind).toBe("disturbed");
  await clock.advance(2_000);
  newest().become("connected");
  await clock.advance(10_000);
  expect(sent.filter((message) => message.type === "restart")).toHaveLength(0);
  newest().become("disconnected");
  await clock.advance(3_000);
  expect(sent.filter((message) => message.type === "restart")).toHaveLength(1);
});

it("restarts when an offer cannot be applied or nothing comes up", async () => {
  await session.offer(offer(1, [receive("0", "t")], true));
  newest().fail = true;
  await session.offer(offer(2, [receive("0", "t")]));
  expect(sent.filter((message) => message.type === "restart")).toHaveLength(1);
  await session.offer(offer(3, [receive("0", "t")], true));
  await clock.advance(8_500);
  expect(sent.filter((message) => message.type === "restart")).toHaveLength(2);
});

it("is quiet once closed", async () => {
  await session.offer(offer(1, [receive("0", "t")], true));
  session.close();
  expect(newest().closed).toBe(true);
  await clock.advance(60_000);
  expect(clock.waiting).toBe(0);
});
