import { mkdir } from "node:fs/promises";
import { type Browser, expect, type Page, test } from "@playwright/test";
import type { ClassroomDetail, Lesson, Lessons, Recordings } from "../src/api/client";
import type { Peer } from "../src/generated/signal/Peer";
import type { ServerMessage } from "../src/generated/signal/ServerMessage";
import { DESKS, looked, PHONE, pictured, SHOTS } from "./support/look";
import { goLive, leave, openClassroom, openPage, signIn } from "./support/people";
import { showScene } from "./support/scenes";
import { seesMotion } from "./support/seen";
import { Server } from "./support/server";

/** Names as they are, and longer. */
const ROOM = "三年级(2)班多媒体教室（东侧教学楼二层，原语音室）";
const SCHOOL = "内蒙古自治区赤峰市阿鲁科尔沁旗天山第六小学绍根分校";
const TEACHER = "欧阳娜仁托娅·阿依古丽👩‍🏫";
const TITLE = "Unit 3 Weather: What's the weather like in Ürümqi? 天气怎么样——听说课（第二课时），兼复习前两个单元";

let server: Server;

test.describe.configure({ mode: "serial" });

test.beforeAll(async () => {
  await mkdir(SHOTS, { recursive: true });
  server = await Server.start();
});

test.afterAll(async ({ browser }) => {
  await leave(browser, server);
});

/** Lets the server answer, and changes what it said. */
async function changed<T>(page: Page, path: string, change: (answer: T) => T): Promise<void> {
  await page.route(path, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: change((await response.json()) as T) });
  });
}

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** A page whose camera and microphone give this error. */
async function withoutDevices(browser: Browser, name: string): Promise<Page> {
  const page = await openPage(browser);
  await page.addInitScript((error) => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", error));
  }, name);
  return page;
}

test("long names and many of them", async ({ browser }) => {
  const page = await openPage(browser);
  const long = (lesson: Lesson, index: number): Lesson => ({
    ...lesson,
    id: `0190b6a5-5c00-7000-8000-${String(index).padStart(12, "0")}`,
    title: TITLE,
    teacher: TEACHER,
    school: { ...lesson.school, name: SCHOOL },
    state: (["open", "scheduled", "live", "ended", "archived", "cancelled"] as const)[index % 6] ?? "open",
    replayable: index % 6 === 4,
    classrooms: many(40, (room) => ({ id: String(room), name: ROOM, school: { ...lesson.school, name: SCHOOL } })),
  });
  await changed<Lessons>(page, "**/api/v1/lessons?*", ({ lessons, now }) => ({
    now,
    lessons: many(9, (index) => long(lessons[0] as Lesson, index)),
  }));
  await signIn(page, server, "teacher");
  await expect(page.locator(".lesson-row")).toHaveCount(8);
  await looked(page, "long-today", { sizes: [...DESKS, PHONE] });
  await page.context().close();
  const admin = await openPage(browser);
  await changed<Lessons>(admin, "**/api/v1/lessons?*", ({ lessons, now }) => ({
    now,
    lessons: many(40, (index) => long(lessons[0] as Lesson, index)),
  }));
  await changed<ClassroomDetail[]>(admin, "**/api/v1/classrooms", (rooms) =>
    many(60, (index) => ({
      ...(rooms[0] as ClassroomDetail),
      id: String(index),
      name: ROOM,
      school: { id: "s", name: SCHOOL, region: "演示区" },
      ...(index % 3 === 0 ? { pairing_code: null } : {}),
      terminals: many(index % 3, (terminal) => ({
        id: `${index}-${terminal}`,
        paired_at: "2026-09-21T02:00:00Z",
        seen_at: terminal === 0 ? "2026-09-21T14:00:00Z" : null,
      })),
    })),
  );
  await signIn(admin, server, "administrator");
  await looked(admin, "long-classrooms");
  await admin.goto(`${server.url}/lessons`);
  await looked(admin, "long-lessons");
  await admin.goto(`${server.url}/pair?code=123456`);
  await looked(admin, "long-pair", { sizes: [PHONE] });
  await admin.context().close();
  const library = await openPage(browser);
  await changed<Recordings>(library, "**/api/v1/recordings?*", (answer) => ({
    ...answer,
    total: 96,
    recordings: many(24, (index) => ({
      lesson: {
        ...long({ school: { id: "s", name: SCHOOL, region: "" } } as Lesson, index),
        subject: "道德与法治",
        grade: "三年级",
        starts_at: "2026-09-21T02:00:00Z",
        ends_at: "2026-09-21T02:40:00Z",
        state: index === 0 ? "live" : "archived",
      },
      state: index === 0 ? "recording" : "finished",
      bytes: 1,
      duration_ms: index * 601_000,
    })),
  }));
  await signIn(library, server, "researcher", "/library");
  await expect(library.locator(".recording")).toHaveCount(24);
  await looked(library, "long-library", { sizes: [...DESKS, PHONE] });
  await library.goto(`${server.url}/library?view=list`);
  await looked(library, "long-library-list");
  await library.context().close();
});

test("a camera that is refused or missing: what it means and what to do", async ({ browser }) => {
  const refused = await withoutDevices(browser, "NotAllowedError");
  await signIn(refused, server, "teacher");
  await refused.getByRole("button", { name: /进入课堂|回到课堂/ }).click();
  await expect(refused.getByText("浏览器没有得到使用摄像头的许可").first()).toBeVisible();
  await expect(refused.getByText("点地址栏左侧的图标").first()).toBeVisible();
  await looked(refused, "check-refused");
  await refused.context().close();
  const missing = await withoutDevices(browser, "NotFoundError");
  await signIn(missing, server, "teacher");
  await missing.getByRole("button", { name: /进入课堂|回到课堂/ }).click();
  await expect(missing.getByText("没有找到摄像头").first()).toBeVisible();
  await looked(missing, "check-missing");
  await missing.context().close();
  const [room] = await server.pairingCodes(await server.openLesson());
  for (const [error, name, words] of [
    ["NotAllowedError", "refused", "点地址栏左侧的图标"],
    ["NotFoundError", "missing", "没有找到摄像头"],
  ] as const) {
    const screen = await withoutDevices(browser, error);
    await screen.route("**/api/v1/terminal/events", (route) => route.abort());
    await changed<object>(screen, "**/api/v1/terminal", (state) => ({ ...state, current: null }));
    const code = name === "refused" ? room?.code : (await server.pairingCodes(await server.openLesson()))[0]?.code;
    await screen.goto(`${server.url}/classroom?code=${code ?? ""}`);
    await expect(screen.locator(".wait-none")).toContainText(words);
    await looked(screen, `waiting-${name}`, { ready: () => expect(screen.locator(".wait-none")).toBeVisible() });
    await screen.context().close();
  }
});

test("errors and waiting are said", async ({ browser }) => {
  const page = await openPage(browser);
  await signIn(page, server, "researcher", "/library");
  await page.route("**/api/v1/recordings?*", (route) =>
    route.fulfill({ status: 500, json: { code: "internal", message: "" } }),
  );
  await page.reload();
  await expect(page.getByText("服务器出了问题")).toBeVisible();
  await looked(page, "error-server", { ready: () => expect(page.locator(".ant-result")).toBeVisible() });
  await page.unroute("**/api/v1/recordings?*");
  await page.route("**/api/v1/recordings?*", (route) => route.abort());
  await page.reload();
  await expect(page.getByText("连不上服务器")).toBeVisible();
  await page.unroute("**/api/v1/recordings?*");
  // It goes on by itself when the line is back.
  await expect(page.getByText("还没有录像")).toBeVisible();
  await page.goto(`${server.url}/library/0190b6a5-5c00-7000-8000-00000000dead`);
  await looked(page, "error-no-recording", { ready: () => expect(page.locator(".ant-result")).toBeVisible() });
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/api/v1/recordings?*", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${server.url}/library`);
  await expect(page.locator(".ant-skeleton")).toBeVisible();
  release();
  await expect(page.locator(".ant-skeleton")).toHaveCount(0);
  await page.context().close();
});

test("forty classrooms with every kind of trouble, and a line that is lost", async ({ browser }) => {
  const lesson = await server.openLesson();
  const [room] = await server.pairingCodes(lesson);
  let cut = false;
  const lines: (() => void)[] = [];
  const withLine = async (page: Page, change: (message: ServerMessage) => ServerMessage): Promise<void> => {
    // What stands for a socket is cut as well.
    await page.route("**/signal/events", (route) => (cut ? route.abort() : route.continue()));
    await page.routeWebSocket(/\/signal$/, (near) => {
      if (cut) {
        void near.close({ code: 4000 });
        return;
      }
      const far = near.connectToServer();
      far.onMessage((text) => near.send(JSON.stringify(change(JSON.parse(String(text)) as ServerMessage))));
      lines.push(() => void near.close({ code: 4000 }));
    });
  };
  const screen = await openClassroom(browser, server.url, room?.code ?? "", async (page) => {
    await showScene(page, "pupils-warm");
    await withLine(page, (message) => message);
  });
  const teacher = await goLive(browser, server, async (page) => {
    await showScene(page, "teacher");
    await withLine(page, (message) => {
      if (message.type === "welcome") message.room.peers.push(...many(38, crowd));
      return message;
    });
  });
  await seesMotion(screen.locator(".lesson-camera video"), "the teacher");
  await looked(teacher, "live-forty", { ready: () => expect(teacher.locator(".tile").nth(8)).toBeVisible() });
  await teacher.getByText(/^有问题/).click();
  await pictured(teacher, "live-forty-trouble");
  cut = true;
  for (const close of lines) close();
  await expect(teacher.getByRole("alert")).toContainText("线路中断");
  await pictured(teacher, "live-lost");
  await expect(screen.locator(".lesson-status")).toContainText("线路中断");
  await pictured(screen, "classroom-lost");
  cut = false;
  await expect(screen.locator(".lesson-status")).toBeHidden();
});

/** A classroom that is there in words only. */
function crowd(index: number): Peer {
  const presence = (["present", "present", "present", "lost", "expected", "left"] as const)[index % 6] ?? "present";
  return {
    id: `0190b6a5-5c00-7000-8000-${String(index + 1).padStart(12, "0")}`,
    role: "classroom",
    name: index % 4 === 0 ? ROOM : `${(index % 6) + 1}年级(${(index % 3) + 1})班`,
    school: index % 4 === 0 ? SCHOOL : "岔口小学",
    classroom: `0190b6a5-5c00-7000-8001-${String(index + 1).padStart(12, "0")}`,
    presence,
    since: new Date(Date.now() - index * 7_000).toISOString(),
    on_stage: false,
    silenced: false,
    ...(index === 7 || index === 12 ? { hand: index === 7 ? 1 : 2 } : {}),
    help: index === 13,
    report: {
      hears: index % 11 !== 2,
      sees: index % 13 !== 1,
      loss_permille: index % 7 === 0 ? 80 : 0,
      rtt_ms: 40,
      frozen_ms: 0,
      microphone_level: 0,
      camera_works: index % 5 !== 0,
      microphone_works: true,
      transport: "udp",
      delayed_ms: null,
    },
    tracks: [],
  };
}
