import { beforeEach, expect, it } from "vitest";
import { Devices, TEACHER_SIZES } from "./devices";
import { LiveSession } from "./live-session";
import { TEACHER_ENCODINGS } from "./media-session";
import { FakeNetwork, peer, room, welcome } from "./testing/fake-server";
import { settle, VirtualClock } from "./testing/virtual-clock";

let clock: VirtualClock;
let network: FakeNetwork;
let devices: Devices;
let session: LiveSession;
let relays: RTCIceServer[];

/** A device that is on, without a browser. */
function turnOn(source: "camera" | "microphone"): { enabled: boolean } {
  const track = { enabled: true, readyState: "live", muted: false, stop: () => undefined };
  devices.state.patch({
    [source]: { state: "on", track: track as unknown as MediaStreamTrack, label: "USB", trouble: null },
  });
  return track;
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new FakeNetwork();
  devices = new Devices(undefined, TEACHER_SIZES, { load: () => ({}), save: () => undefined });
  session = new LiveSession({
    clock,
    random: () => 0.5,
    open: network.open,
    createPeerConnection: (iceServers) => {
      relays = iceServers;
      throw new Error("no media in this test");
    },
    token: () => Promise.resolve("token"),
    instance: "tab",
    encodings: TEACHER_ENCODINGS,
    devices,
    watch: [{ who: "teacher", sources: [], height: 720, priority: 255 }],
    line: { load: () => false, save: () => undefined },
    audioContext: null,
  });
  await settle();
  network.newest.open();
  network.newest.say(welcome({ room: room({ revision: 3, peers: [peer("a")] }) }));
});

it("follows the room by changes", () => {
  network.newest.say({ type: "change", revision: 4, change: { peers: [peer("a", { on_stage: true })] } });
  expect(session.room.get()?.room.peers[0]?.on_stage).toBe(true);
  expect(network.sockets).toHaveLength(1);
});

it("asks for the whole state when a change is missing, and shows the old one meanwhile", async () => {
  network.newest.say({ type: "change", revision: 6, change: { observers: 9 } });
  expect(session.room.get()?.room.revision).toBe(3);
  await clock.advance(10);
  expect(network.sockets).toHaveLength(2);
  network.newest.open();
  network.newest.say(welcome({ room: room({ revision: 6, observers: 9 }) }));
  expect(session.room.get()?.room.observers).toBe(9);
});

it("publishes what is on once publishing is, and nothing before", () => {
  turnOn("camera");
  expect(network.newest.last("wish")).toBeUndefined();
  session.publishing.patch({ on: true });
  expect(network.newest.last("wish")?.wish.publish).toEqual([{ source: "camera", muted: false }]);
  turnOn("microphone");
  expect(network.newest.last("wish")?.wish.publish.map(({ source }) => source)).toEqual(["camera", "microphone"]);
});

it("opens the microphone only when it is open and not muted, and tells others of the muting only", () => {
  const track = turnOn("microphone");
  session.publishing.patch({ on: true, microphoneOpen: false });
  expect(track.enabled).toBe(false);
  expect(network.newest.last("wish")?.wish.publish).toEqual([{ source: "microphone", muted: false }]);
  session.publishing.patch({ microphoneOpen: true });
  expect(track.enabled).toBe(true);
  session.publishing.patch({ muted: true });
  expect(track.enabled).toBe(false);
  expect(network.newest.last("wish")?.wish.publish).toEqual([{ source: "microphone", muted: true }]);
});

it("keeps the section while another device is asked for, and withdraws it when there is none", () => {
  turnOn("camera");
  session.publishing.patch({ on: true });
  devices.state.patch({ camera: { ...devices.state.get().camera, state: "asking" } });
  expect(network.newest.last("wish")?.wish.publish).toEqual([{ source: "camera", muted: false }]);
  devices.state.patch({ camera: { state: "failed", track: null, label: "", trouble: "missing" } });
  expect(network.newest.last("wish")?.wish.publish).toEqual([]);
});

it("reports every two seconds how it is here", async () => {
  turnOn("camera");
  await clock.advance(4_100);
  expect(network.newest.sent.filter((message) => message.type === "report")).toHaveLength(2);
  expect(network.newest.last("report")?.report).toMatchObject({ camera_works: true, microphone_works: null });
});

it("hands the relays of the welcome to its connections", async () => {
  const relay = { urls: ["turns:a.example:443?transport=tcp"], username: "1:me", credential: "secret" };
  const offer = { negotiation: 1, fresh: true, sdp: "", sections: [] };
  session.connection.reconnect();
  await clock.advance(10);
  network.newest.open();
  network.newest.say(welcome({ offer, ice_servers: [relay] }));
  await settle();
  expect(relays).toEqual([relay]);
});

it("shows a text of the teacher's", () => {
  network.newest.say({ type: "message", text: "打开课本" });
  expect(session.notice.get()?.text).toBe("打开课本");
});

it("knows when the line carries nothing but sound", () => {
  network.newest.say({ type: "line", sound_only: true });
  expect(session.soundOnly.get()).toBe(true);
  network.newest.say({ type: "line", sound_only: false });
  expect(session.soundOnly.get()).toBe(false);
});

it("leaves nothing behind", async () => {
  session.close();
  await clock.advance(60_000);
  expect(clock.waiting).toBe(0);
});
