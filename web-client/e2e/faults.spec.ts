import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, expect, type Page, test } from "@playwright/test";
import { endLesson, goLive, leave, openClassroom, openPage, signIn } from "./support/people";
import { seesMotion } from "./support/seen";
import { Server, until } from "./support/server";

const MIB = 1 << 20;
/** What the recorder may still write, and what then takes the place of it. */
const ROOM_MIB = 4_096;
const FILL_MIB = 6_144;

let server: Server;

test.afterEach(async ({ browser }) => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(browser, server);
});

test("a recorder that is killed is replaced: the lesson goes on, and one replay spans it all", async ({ browser }) => {
  server = await Server.start();
  const { lesson, teacher, classroom } = await taught(browser);
  const began = Date.now();
  const first = recorder();
  process.kill(first, "SIGKILL");
  await until("another recorder", () => Promise.resolve(![0, first].includes(recorder())));
  await expect(classroom.locator(".lesson-status")).toBeHidden();
  await seesMotion(classroom.locator(".lesson-camera video"), "the teacher meanwhile");
  await lit(teacher);
  await teacher.waitForFunction((from) => Date.now() - from > 8_000, began);
  await endLesson(teacher);
  const spanned = Date.now() - began;
  const whole = await finished(lesson);
  expect(whole.duration_ms).toBeGreaterThan(spanned * 0.9);
  await plays(browser, lesson);
});

test("a full disk ends the recording and not the lesson; the teacher is told, and what was written plays", async ({
  browser,
}) => {
  const free = freeMib();
  test.skip(free < FILL_MIB + ROOM_MIB, "too little room on this disk to fill any");
  server = await Server.start({ TONGKE_DISK_RESERVE_MIB: String(free - ROOM_MIB) });
  const fill = join(tmpdir(), `tongke-fill-${process.pid}`);
  try {
    const { lesson, teacher, classroom } = await taught(browser);
    execFileSync("fallocate", ["--length", String(FILL_MIB * MIB), fill]);
    await expect(teacher.getByRole("alert")).toContainText("服务器磁盘已满");
    await expect(teacher.locator(".lamp-light")).toHaveAttribute("data-lit", "false");
    await seesMotion(classroom.locator(".lesson-camera video"), "the teacher on a full disk");
    rmSync(fill);
    await lit(teacher);
    await endLesson(teacher);
    await finished(lesson);
    await plays(browser, lesson);
  } finally {
    rmSync(fill, { force: true });
  }
});

/** A live lesson that a classroom sees and that is recorded. */
async function taught(browser: Browser): Promise<{ lesson: string; teacher: Page; classroom: Page }> {
  const lesson = await server.openLesson();
  const [room] = await server.pairingCodes(lesson);
  const classroom = await openClassroom(browser, server.url, room?.code ?? "");
  const teacher = await goLive(browser, server);
  await seesMotion(classroom.locator(".lesson-camera video"), "the teacher");
  await lit(teacher);
  return { lesson, teacher, classroom };
}

/** Waits until the lamp says that bytes are on disk. */
async function lit(teacher: Page): Promise<void> {
  await expect(teacher.locator(".lamp-light")).toHaveAttribute("data-lit", "true");
}

/** The recorder's process: the server's only child. */
function recorder(): number {
  const tasks = readdirSync(`/proc/${server.pid}/task`);
  const children = tasks.map((task) => readFileSync(`/proc/${server.pid}/task/${task}/children`, "utf8"));
  return Number(children.join(" ").trim().split(/\s+/)[0] ?? 0);
}

function freeMib(): number {
  const { bavail, bsize } = statfsSync(tmpdir());
  return Math.floor((bavail * bsize) / MIB);
}

async function finished(lesson: string): Promise<{ duration_ms: number }> {
  return until("the recording is whole", async () =>
    (await server.recordings()).find((recording) => recording.lesson.id === lesson && recording.state === "finished"),
  );
}

async function plays(browser: Browser, lesson: string): Promise<void> {
  const player = await openPage(browser);
  await signIn(player, server, "researcher", `/library/${lesson}`);
  await player.getByRole("button", { name: "播放", exact: true }).last().click();
  await seesMotion(player.locator('[data-track="teacher-camera"] video'), "the replay");
}
