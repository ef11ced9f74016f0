import { beforeEach, expect, it, vi } from "vitest";
import { deviceHow } from "./browser";
import { type DeviceChoice, Devices, type MediaDevicesApi, TEACHER_SIZES, troubleOf } from "./devices";

class FakeTrack extends EventTarget {
  readonly id: string;
  label = "USB";
  contentHint = "";
  readyState = "live";
  stopped = false;
  constructor(id: string) {
    super();
    this.id = id;
  }
  getSettings = () => ({ deviceId: this.id });
  stop(): void {
    this.stopped = true;
  }
}

const named = (name: string): Error => Object.assign(new Error(name), { name });
let changed: () => void;
let choice: DeviceChoice;
let given: FakeTrack[];
let fail: ((constraints: MediaStreamConstraints) => Error | null) | null;

function make(): Devices {
  const stream = (id: string): MediaStream => {
    const track = new FakeTrack(id);
    given.push(track);
    return {
      getTracks: () => [track],
      getVideoTracks: () => [track],
      getAudioTracks: () => [],
    } as unknown as MediaStream;
  };
  const api = {
    getUserMedia: (constraints: MediaStreamConstraints) => {
      const error = fail?.(constraints) ?? null;
      return error === null ? Promise.resolve(stream(`device-${given.length}`)) : Promise.reject(error);
    },
    getDisplayMedia: () =>
      fail === null ? Promise.resolve(stream("screen")) : Promise.reject(named("NotAllowedError")),
    enumerateDevices: () => Promise.resolve([]),
    addEventListener: (_: string, listener: () => void) => {
      changed = listener;
    },
    removeEventListener: vi.fn(),
  } as unknown as MediaDevicesApi;
  const memory = {
    load: () => choice,
    save: (next: DeviceChoice) => {
      choice = next;
    },
  };
  return new Devices(api, TEACHER_SIZES, memory);
}

beforeEach(() => {
  choice = {};
  given = [];
  fail = null;
});

it("captures and remembers what was chosen", async () => {
  const devices = make();
  await devices.startCamera("second");
  expect(devices.state.get().camera).toMatchObject({ state: "on", label: "USB", trouble: null });
  expect(choice.camera).toBe("second");
});

it("takes what there is when the device of the last time is away", async () => {
  choice = { camera: "away" };
  fail = ({ video }) =>
    typeof video === "object" && video.deviceId !== undefined ? named("OverconstrainedError") : null;
  const devices = make();
  await devices.startCamera();
  expect(devices.state.get().camera.state).toBe("on");
});

it("says why there is nothing", async () => {
  for (const [name, trouble] of [
    ["NotAllowedError", "denied"],
    ["NotFoundError", "missing"],
    ["NotReadableError", "busy"],
    ["SecurityError", "insecure"],
    ["TypeError", "failed"],
  ] as const) {
    fail = () => named(name);
    const devices = make();
    await devices.startMicrophone();
    expect(devices.state.get().microphone).toMatchObject({ state: "failed", trouble });
    expect(troubleOf(named(name))).toBe(trouble);
  }
});

it("says that the page is not secure where there is no API", async () => {
  const devices = new Devices(undefined, TEACHER_SIZES, { load: () => ({}), save: () => undefined });
  await devices.startCamera();
  expect(devices.state.get().camera.trouble).toBe("insecure");
});

it("takes a camera up again that was pulled out and is back", async () => {
  const devices = make();
  await devices.startCamera();
  fail = () => named("NotFoundError");
  given[0]?.dispatchEvent(new Event("ended"));
  expect(devices.state.get().camera).toMatchObject({ state: "failed", trouble: "missing" });
  fail = null;
  changed();
  await vi.waitFor(() => expect(devices.state.get().camera.state).toBe("on"));
});

it("a closed chooser is no trouble, and a screen is remembered to be asked for again", async () => {
  const devices = make();
  await devices.startScreen();
  expect(choice.screenOn).toBe(true);
  expect(given[0]?.contentHint).toBe("detail");
  devices.stop("screen");
  expect(choice.screenOn).toBe(false);
  expect(given[0]?.stopped).toBe(true);
  fail = () => null;
  await devices.startScreen();
  expect(devices.state.get().screen).toMatchObject({ state: "off", trouble: "cancelled" });
});

it("has a text for each browser", () => {
  expect(deviceHow("Mozilla/5.0 Chrome/120.0 Safari/537.36 Edg/120.0")).toBe("howChrome");
  expect(deviceHow("Mozilla/5.0 Firefox/121.0")).toBe("howFirefox");
  expect(deviceHow("Mozilla/5.0 Version/17.0 Safari/605.1.15")).toBe("howSafari");
  expect(deviceHow("something")).toBe("howOther");
});

it("tries again what was busy, and not what is forbidden", async () => {
  const devices = make();
  fail = ({ audio }) => named(audio === undefined ? "NotAllowedError" : "NotReadableError");
  await devices.startCamera();
  await devices.startMicrophone();
  fail = null;
  devices.retry();
  await vi.waitFor(() => expect(devices.state.get().microphone.state).toBe("on"));
  expect(devices.state.get().camera).toMatchObject({ state: "failed", trouble: "denied" });
  devices.retry();
  expect(given).toHaveLength(1);
});
