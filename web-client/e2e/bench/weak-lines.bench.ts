import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type Page, test } from "@playwright/test";
import { CHROMIUM, FLAGS } from "../playwright.config";
import { writeCamera, writeVoice } from "../support/devices";
import { ImpairedLine } from "../support/impaired";
import { goLive, leave, openClassroom } from "../support/people";
import { grown, longestFreeze, type Moment, watchReception, within } from "../support/reception";
import { Server, until } from "../support/server";

// A teacher in Chromium with three layers, a classroom in Chromium on a bad line. RUNS of each; with TIMELINES=FOLDER everything
// counted is written there.
const RUNS = Number(process.env["RUNS"] ?? 3);
const TIMELINES = process.env["TIMELINES"];
const FOLDER = mkdtempSync(join(tmpdir(), "tongke-devices-"));
const VOICE = join(FOLDER, "voice.wav");
const CAMERA = join(FOLDER, "camera.y4m");

/** Lines of the large picture. */
const TOP = 720;

interface Case {
  name: string;
  /** TOML, in seconds since the line began. */
  line: string;
  /** What is judged, in the same seconds. */
  judged: [from: number, to: number];
  /** When the line is good again, if it was not from the beginning. */
  good?: number;
}

const CASES: Case[] = [
  {
    name: "10 % loss, 100 ms round trip",
    line: "[[step]]\nloss = 0.1\ndelay_ms = 50\n",
    judged: [15, 45],
  },
  {
    name: "3 Mbit/s, 10 s of 400 kbit/s",
    line:
      "[[step]]\nkbps = 3000\ndelay_ms = 20\n" +
      "[[step]]\nat = 20\nkbps = 400\ndelay_ms = 20\n" +
      "[[step]]\nat = 30\nkbps = 3000\ndelay_ms = 20\n",
    judged: [20, 45],
    good: 30,
  },
  {
    name: "cut for 30 s",
    line: "[[step]]\ndelay_ms = 20\n[[step]]\nat = 15\ncut = true\n[[step]]\nat = 45\ndelay_ms = 20\n",
    judged: [45, 60],
    good: 45,
  },
];

/** What one run had; times in seconds, null for never. */
interface Outcome {
  freezes: number;
  frozen: number;
  longest: number;
  framesPerSecond: number;
  /** Frames decoded, in per cent of those that the teacher sent of the large picture. */
  frames: number;
  /** Samples of sound that were made up, in per cent. */
  concealed: number;
  pictureAfter: number | null;
  soundAfter: number | null;
  topAfter: number | null;
  /** Share of the machine's processors in use, in per cent. */
  busy: number;
}

const DEVICES = [`--use-file-for-fake-audio-capture=${VOICE}`, `--use-file-for-fake-video-capture=${CAMERA}`];

test.use({ launchOptions: { executablePath: CHROMIUM, args: [...FLAGS, ...DEVICES] } });

test.beforeAll(() => Promise.all([writeVoice(VOICE), writeCamera(CAMERA)]));

test.afterAll(() => rm(FOLDER, { recursive: true, force: true }));

for (const asked of CASES)
  test(asked.name, async ({ browser }) => {
    test.setTimeout(RUNS * 120_000);
    const server = await Server.start({ TONGKE_MEDIA_THREADS: "1" });
    try {
      const teacher = await goLive(browser, server);
      const outcomes: Outcome[] = [];
      for (let run = 1; run <= RUNS; run++) outcomes.push(await attend(browser, server, teacher, asked, run));
      say(asked, outcomes);
    } finally {
      await leave(browser, server);
    }
  });

/** One classroom on the line. */
async function attend(browser: Browser, server: Server, teacher: Page, asked: Case, run: number): Promise<Outcome> {
  const [room] = await server.pairingCodes(await server.openLesson());
  const line = await ImpairedLine.open(server, asked.line, run);
  const at = (seconds: number): number => line.from + seconds * 1000;
  const [from, to] = asked.judged;
  try {
    const page = await openClassroom(browser, line.url, room?.code ?? "", (made) => line.use(made));
    const received = await watchReception(page);
    await until("what is judged begins", () => Promise.resolve(Date.now() >= at(from)));
    const before = { sent: await sent(teacher), processors: processors() };
    await until("it is over", () => Promise.resolve(Date.now() >= at(to)));
    const after = { sent: await sent(teacher), processors: processors() };
    const moments = await received();
    await page.context().close();
    if (TIMELINES !== undefined)
      writeFileSync(
        join(TIMELINES, `${asked.judged.join("-")}-${run}.json`),
        JSON.stringify({ from: line.from, moments }),
      );
    const total = after.processors.total - before.processors.total;
    return {
      ...judge(within(moments, at(from), at(to)), after.sent - before.sent),
      ...back(moments, at(asked.good ?? from)),
      busy: 100 * (1 - (after.processors.idle - before.processors.idle) / total),
    };
  } finally {
    await line.close();
  }
}

function judge(moments: Moment[], sent: number): Omit<Outcome, "pictureAfter" | "soundAfter" | "topAfter" | "busy"> {
  const seconds = ((moments.at(-1)?.at ?? 0) - (moments[0]?.at ?? 0)) / 1000;
  const decoded = grown(moments, ({ video }) => video.framesDecoded);
  const missed = grown(moments, ({ audio }) => audio.concealedSamples - audio.silentConcealedSamples);
  return {
    freezes: grown(moments, ({ video }) => video.freezeCount),
    frozen: grown(moments, ({ video }) => video.totalFreezesDuration),
    longest: longestFreeze(moments),
    framesPerSecond: decoded / seconds,
    frames: (100 * decoded) / sent,
    concealed: (100 * missed) / grown(moments, ({ audio }) => audio.totalSamplesReceived),
  };
}

/** How long after `good` there was a new picture, sound, and the large picture to stay. */
function back(moments: Moment[], good: number): Pick<Outcome, "pictureAfter" | "soundAfter" | "topAfter"> {
  const since = moments.filter(({ at }) => at >= good);
  const after = (moment: Moment | undefined): number | null =>
    moment === undefined ? null : (moment.at - good) / 1000;
  const grows = (what: (moment: Moment) => number): Moment | undefined =>
    since.find((_, index) => index > 0 && grown(since.slice(index - 1, index + 1), what) > 0);
  return {
    pictureAfter: after(grows(({ video }) => video.framesDecoded)),
    soundAfter: after(grows(({ audio }) => audio.packetsReceived)),
    topAfter: after(since[since.findLastIndex(({ video }) => video.frameHeight !== TOP) + 1]),
  };
}

/** Frames that the teacher's camera sent of the large picture. */
function sent(teacher: Page): Promise<number> {
  return teacher.evaluate(async () => {
    const entries = (await window.peerConnections.at(-1)?.getStats())?.values() as Iterable<Record<string, unknown>>;
    const layers = [...entries].filter((entry) => entry["type"] === "outbound-rtp" && entry["rid"] !== undefined);
    const [largest] = layers.sort((a, b) => Number(b["frameHeight"] ?? 0) - Number(a["frameHeight"] ?? 0));
    return Number(largest?.["framesSent"]);
  });
}

function processors(): { idle: number; total: number } {
  const times = cpus().map(({ times }) => times);
  const sum = (of: (each: (typeof times)[number]) => number): number =>
    times.reduce((total, each) => total + of(each), 0);
  return {
    idle: sum(({ idle }) => idle),
    total: sum(({ idle, irq, nice, sys, user }) => idle + irq + nice + sys + user),
  };
}

const COLUMNS: [heading: string, digits: number, of: (outcome: Outcome) => number | null][] = [
  ["freezes", 0, ({ freezes }) => freezes],
  ["frozen s", 1, ({ frozen }) => frozen],
  ["longest freeze s", 2, ({ longest }) => longest],
  ["frames/s", 1, ({ framesPerSecond }) => framesPerSecond],
  ["of the frames %", 0, ({ frames }) => frames],
  ["sound made up %", 2, ({ concealed }) => concealed],
  ["picture after s", 1, ({ pictureAfter }) => pictureAfter],
  ["sound after s", 1, ({ soundAfter }) => soundAfter],
  ["large picture after s", 1, ({ topAfter }) => topAfter],
  ["processors %", 0, ({ busy }) => busy],
];

/** A row for each number: the median of the runs, the least and the most. */
function say(asked: Case, outcomes: Outcome[]): void {
  console.log(`${asked.name}: ${outcomes.length} runs, median (least, most)`);
  for (const [heading, digits, of] of COLUMNS) {
    const sorted = outcomes.map((outcome) => of(outcome) ?? Infinity).sort((a, b) => a - b);
    const text = (value: number | undefined): string => (value === Infinity ? "never" : (value ?? 0).toFixed(digits));
    const middle = sorted[Math.floor((sorted.length - 1) / 2)];
    console.log(`  ${heading.padEnd(22)} ${text(middle)} (${text(sorted[0])}, ${text(sorted.at(-1))})`);
  }
}
