import { expect, it } from "vitest";
import { type ConnectionSample, HealthMonitor, sampleOf, type StreamSample, type Surroundings } from "./health-monitor";
import { levelOf } from "./level-meter";

const AROUND: Surroundings = {
  expected: [
    { media: "sound", source: "microphone", flowing: true },
    { media: "picture", source: "camera", flowing: true },
  ],
  delayed: null,
  soundBlocked: false,
  microphoneLevel: 12,
  cameraWorks: true,
  microphoneWorks: null,
};

function sample(streams: Record<string, Partial<StreamSample>>, rttMs = 40): ConnectionSample {
  const blank: StreamSample = {
    kind: "video",
    packets: 0,
    lost: 0,
    frames: 0,
    dropped: 0,
    decodeSeconds: 0,
    framesPerSecond: 0,
    height: 0,
    playedSeconds: 0,
    frozenMs: 0,
  };
  return {
    rttMs,
    transport: "tcp",
    streams: new Map(Object.entries(streams).map(([id, stream]) => [id, { ...blank, ...stream }])),
  };
}

it("hears and sees while both grow, and says so when they stop", () => {
  const monitor = new HealthMonitor();
  monitor.report(sample({ sound: { packets: 10 }, picture: { frames: 5 } }), AROUND);
  const good = monitor.report(sample({ sound: { packets: 110 }, picture: { frames: 55, frozenMs: 300 } }), AROUND);
  expect(good).toMatchObject({
    hears: true,
    sees: true,
    frozen_ms: 300,
    rtt_ms: 40,
    transport: "tcp",
    microphone_level: 12,
  });
  const stopped = sample({ sound: { packets: 110 }, picture: { frames: 55 } });
  expect(monitor.report(stopped, AROUND)).toMatchObject({ hears: false, sees: true });
  expect(monitor.report(stopped, AROUND)).toMatchObject({ hears: false, sees: false });
});

it("does not claim to hear what the browser refuses to play", () => {
  const monitor = new HealthMonitor();
  const grown = sample({ sound: { packets: 10 } });
  expect(monitor.report(grown, { ...AROUND, soundBlocked: true }).hears).toBe(false);
});

it("says nothing of what is not there to hear or see", () => {
  const silent = AROUND.expected.map((track) => ({ ...track, flowing: false }));
  const report = new HealthMonitor().report(null, { ...AROUND, expected: silent });
  expect(report).toMatchObject({ hears: null, sees: null, camera_works: true, microphone_works: null });
});

it("gives a sound that has just begun a moment before it is missed", () => {
  const monitor = new HealthMonitor();
  const silent = AROUND.expected.map((track) => ({ ...track, flowing: false }));
  const nothing = sample({ sound: { packets: 10 } });
  monitor.report(nothing, { ...AROUND, expected: silent });
  expect(monitor.report(nothing, AROUND).hears).toBeNull();
  expect(monitor.report(nothing, AROUND).hears).toBe(false);
});

it("measures the loss of the last seconds only", () => {
  const monitor = new HealthMonitor();
  monitor.report(sample({ picture: { packets: 1000, lost: 500 } }), AROUND);
  expect(monitor.report(sample({ picture: { packets: 1090, lost: 510 } }), AROUND).loss_permille).toBe(100);
});

it("a level follows the ear: silence 0, full scale 100", () => {
  expect(levelOf(new Float32Array(100))).toBe(0);
  expect(levelOf(new Float32Array(100).fill(1))).toBe(100);
  expect(levelOf(new Float32Array(100).fill(0.0316))).toBe(50);
});

it("tells of a lesson that plays by HLS what plays, and how late", () => {
  const monitor = new HealthMonitor();
  const late = monitor.report(null, { ...AROUND, delayed: { lagMs: 2_300, moving: true } });
  expect(late).toMatchObject({ hears: true, sees: true, delayed_ms: 2_300, transport: null });
  const stalled = monitor.report(null, { ...AROUND, delayed: { lagMs: 9_000, moving: false } });
  expect(stalled).toMatchObject({ hears: false, sees: false, delayed_ms: 9_000 });
  const refused = monitor.report(null, { ...AROUND, soundBlocked: true, delayed: { lagMs: 2_300, moving: true } });
  expect(refused).toMatchObject({ hears: false, sees: true });
  expect(monitor.report(null, AROUND).delayed_ms).toBeNull();
});

it("tells what the connection runs over by its selected pair", async () => {
  const over = async (local: object) => {
    const stats = new Map<string, object>([
      ["t", { type: "transport", selectedCandidatePairId: "p" }],
      ["other", { type: "candidate-pair", id: "other", localCandidateId: "none", nominated: true }],
      ["p", { type: "candidate-pair", id: "p", localCandidateId: "l", currentRoundTripTime: 0.05 }],
      ["l", { type: "local-candidate", ...local }],
    ]);
    return (await sampleOf({ getStats: () => Promise.resolve(stats) } as unknown as RTCPeerConnection)).transport;
  };
  expect(await over({ candidateType: "host", protocol: "udp" })).toBe("udp");
  expect(await over({ candidateType: "prflx", protocol: "tcp" })).toBe("tcp");
  expect(await over({ candidateType: "relay", protocol: "udp", relayProtocol: "tls" })).toBe("tls");
});
