/** What stands between a school and the server, from the outermost: each may be blocked by itself. */
export const RUNGS = ["page", "socket", "udp", "tcp", "tls", "hls"] as const;
export type Rung = (typeof RUNGS)[number];
export type RungState = "waiting" | "running" | "good" | "bad" | "absent";

/** What was measured over UDP, TCP or TLS. */
export interface Line {
  rttMs: number;
  lossPermille: number;
  jitterMs: number;
  downBps: number | null;
  /** No more was looked for. */
  mostBps: number;
}

/** All that was found out. */
export interface Findings {
  rungs: Record<Rung, RungState>;
  /** Round trip of a request, in ms. */
  pageMs: number | null;
  udp: Line | null;
  tcp: Line | null;
  tls: Line | null;
  upBps: number | null;
  /** Where media goes. */
  addresses: readonly string[];
  ports: readonly number[];
  /** The server takes media over TCP. */
  tcpOffered: boolean;
}

export const NOTHING_YET: Findings = {
  rungs: { page: "waiting", socket: "waiting", udp: "waiting", tcp: "waiting", tls: "waiting", hls: "waiting" },
  pageMs: null,
  udp: null,
  tcp: null,
  tls: null,
  upBps: null,
  addresses: [],
  ports: [],
  tcpOffered: true,
};

/** How lessons go from here. */
export type Verdict = "good" | "weak" | "tcp" | "tls" | "delayed" | "noSocket" | "nothing";

/** Where a lesson begins to suffer. */
const MOST_LOSS_PERMILLE = 30;
const MOST_RTT_MS = 400;
const LEAST_DOWN_BPS = 1_500_000;
const LEAST_UP_BPS = 600_000;

/** Judges; null while something is still being tried. */
export function verdictOf({ rungs, udp, upBps }: Findings): Verdict | null {
  if (RUNGS.some((rung) => rungs[rung] === "waiting" || rungs[rung] === "running")) return null;
  if (rungs.page === "bad") return "nothing";
  if (rungs.udp === "bad") return rungs.tcp === "good" ? "tcp" : rungs.tls === "good" ? "tls" : "delayed";
  if (rungs.socket === "bad") return "noSocket";
  const weak =
    udp !== null &&
    (udp.lossPermille > MOST_LOSS_PERMILLE ||
      udp.rttMs > MOST_RTT_MS ||
      (udp.downBps !== null && udp.downBps < LEAST_DOWN_BPS) ||
      (upBps !== null && upBps < LEAST_UP_BPS));
  return weak ? "weak" : "good";
}

/** The description with candidates of one protocol only. */
export function onlyProtocol(sdp: string, protocol: "udp" | "tcp"): string {
  const other = protocol === "udp" ? "tcp" : "udp";
  return sdp.replace(new RegExp(`^a=candidate:\\S+ \\d+ ${other} .*\\r?\\n`, "gim"), "");
}

/** Addresses media goes to. */
export function addressesOf(sdp: string): string[] {
  const found = [...sdp.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+) \d+ typ host/gim)].map((match) => match[1] ?? "");
  return [...new Set(found)].filter((address) => address !== "");
}

/** `40000` or `40000-40003`, or several of these. */
export function portRanges(ports: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const port of [...ports].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && port <= last[1] + 1) last[1] = port;
    else ranges.push([port, port]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
}

/** Mbit/s with one digit. */
export function megabits(bps: number): string {
  return (bps / 1_000_000).toFixed(1);
}
