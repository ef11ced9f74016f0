import { expect, it } from "vitest";
import { addressesOf, type Findings, NOTHING_YET, onlyProtocol, portRanges, type Rung, verdictOf } from "./findings";

const LINE = { rttMs: 40, lossPermille: 2, jitterMs: 3, downBps: 3_800_000, mostBps: 4_000_000 };

function found(bad: Rung[], changes: Partial<Findings> = {}): Findings {
  const rungs = {
    page: "good",
    socket: "good",
    udp: "good",
    tcp: "good",
    tls: "good",
    hls: "good",
  } as Findings["rungs"];
  for (const rung of bad) rungs[rung] = "bad";
  return { ...NOTHING_YET, rungs, udp: LINE, upBps: 2_000_000, ...changes };
}

it("judges by the best that passes", () => {
  expect(verdictOf(NOTHING_YET)).toBeNull();
  expect(verdictOf(found([]))).toBe("good");
  expect(verdictOf(found(["tcp"]))).toBe("good");
  expect(verdictOf(found(["udp"]))).toBe("tcp");
  expect(verdictOf(found(["udp", "tcp"]))).toBe("tls");
  expect(verdictOf(found(["udp", "tcp", "tls"]))).toBe("delayed");
  const without = found(["udp", "tcp"]);
  expect(verdictOf({ ...without, rungs: { ...without.rungs, tls: "absent" } })).toBe("delayed");
  expect(verdictOf(found(["socket"]))).toBe("noSocket");
  expect(verdictOf(found(["socket", "udp", "tcp"]))).toBe("tls");
  expect(verdictOf(found(["page", "socket", "udp", "tcp", "tls", "hls"]))).toBe("nothing");
});

it("calls a line weak that loses, is slow or narrow, either way", () => {
  expect(verdictOf(found([], { udp: { ...LINE, lossPermille: 31 } }))).toBe("weak");
  expect(verdictOf(found([], { udp: { ...LINE, rttMs: 401 } }))).toBe("weak");
  expect(verdictOf(found([], { udp: { ...LINE, downBps: 1_400_000 } }))).toBe("weak");
  expect(verdictOf(found([], { upBps: 500_000 }))).toBe("weak");
  expect(verdictOf(found([], { udp: { ...LINE, downBps: null }, upBps: null }))).toBe("good");
});

const SDP = [
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "a=candidate:1 1 udp 2130706431 192.0.2.7 40001 typ host",
  "a=candidate:2 1 tcp 1671430143 192.0.2.7 40001 typ host tcptype passive",
  "a=candidate:3 1 udp 2130706175 2001:db8::7 40001 typ host",
  "a=end-of-candidates",
  "",
].join("\r\n");

it("leaves candidates of one protocol", () => {
  expect(onlyProtocol(SDP, "udp")).toBe(SDP.replace(/a=candidate:2.*\r\n/, ""));
  expect(onlyProtocol(SDP, "tcp").match(/a=candidate/g)).toHaveLength(1);
});

it("finds each address once, and writes ports as a firewall takes them", () => {
  expect(addressesOf(SDP)).toEqual(["192.0.2.7", "2001:db8::7"]);
  expect(portRanges([40_002, 40_000, 40_001])).toBe("40000-40002");
  expect(portRanges([5_000, 40_000, 40_001])).toBe("5000, 40000-40001");
  expect(portRanges([])).toBe("");
});
