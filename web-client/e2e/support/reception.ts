import type { Page } from "@playwright/test";

/** What is counted of the largest picture a page gets, and of all its sound. */
const COUNTED = {
  video: [
    "frameHeight",
    "framesDecoded",
    "framesDropped",
    "keyFramesDecoded",
    "freezeCount",
    "totalFreezesDuration",
    "jitterBufferDelay",
    "nackCount",
    "pliCount",
    "packetsReceived",
    "packetsLost",
    "retransmittedPacketsReceived",
  ],
  audio: [
    "totalSamplesReceived",
    "concealedSamples",
    "silentConcealedSamples",
    "concealmentEvents",
    "jitterBufferDelay",
    "jitterBufferEmittedCount",
    "packetsReceived",
    "packetsLost",
  ],
} as const;

type Counters<Kind extends keyof typeof COUNTED> = Record<(typeof COUNTED)[Kind][number], number>;

/** What Chromium had counted at a moment. */
export interface Moment {
  /** Unix ms. */
  at: number;
  /** Changes when counting begins anew: by a new connection or another stream in it. */
  counting: string;
  video: Counters<"video">;
  audio: Counters<"audio">;
}

/** Counts what a page receives from now on, ten times a second; what is returned tells all of it so far. */
export async function watchReception(page: Page): Promise<() => Promise<Moment[]>> {
  await page.evaluate(count, COUNTED);
  return () => page.evaluate(() => (window as unknown as { moments: Moment[] }).moments);
}

/** Runs in the page. */
function count(counted: typeof COUNTED): void {
  const moments: Moment[] = [];
  (window as unknown as { moments: Moment[] }).moments = moments;
  const take = <Name extends string>(names: readonly Name[], entry: Record<string, unknown>) =>
    Object.fromEntries(names.map((name) => [name, Number(entry[name] ?? 0)])) as Record<Name, number>;
  const look = async (): Promise<void> => {
    const connection = window.peerConnections.at(-1);
    if (connection === undefined || connection.connectionState === "closed") return;
    const entries = [...(await connection.getStats()).values()] as Record<string, unknown>[];
    const inbound = (kind: string): Record<string, unknown> | undefined =>
      entries
        .filter((entry) => entry["type"] === "inbound-rtp" && entry["kind"] === kind)
        .sort((a, b) => Number(b["packetsReceived"]) - Number(a["packetsReceived"]))[0];
    const [video, audio] = [inbound("video") ?? {}, inbound("audio") ?? {}];
    moments.push({
      at: performance.timeOrigin + performance.now(),
      counting: [window.peerConnections.length, video["ssrc"], audio["ssrc"]].join(),
      video: take(counted.video, video),
      audio: take(counted.audio, audio),
    });
  };
  setInterval(() => void look(), 100);
}

/** Moments of the time from `from` to `to`, in Unix ms. */
export function within(moments: Moment[], from: number, to: number): Moment[] {
  return moments.filter(({ at }) => at >= from && at < to);
}

/** How much something grew from the first of these moments to the last. */
export function grown(moments: Moment[], what: (moment: Moment) => number): number {
  return steps(moments).reduce((sum, [before, after]) => sum + what(after) - what(before), 0);
}

/** The longest of the freezes that ended within these moments, in seconds. */
export function longestFreeze(moments: Moment[]): number {
  const each = steps(moments).map(([{ video: before }, { video: after }]) => {
    const count = after.freezeCount - before.freezeCount;
    return count > 0 ? (after.totalFreezesDuration - before.totalFreezesDuration) / count : 0;
  });
  return Math.max(0, ...each);
}

/** Pairs of moments that follow each other and were counted from the same beginning. */
function steps(moments: Moment[]): [Moment, Moment][] {
  return moments.slice(1).flatMap((after, at): [Moment, Moment][] => {
    const before = moments[at];
    return before?.counting === after.counting ? [[before, after]] : [];
  });
}
