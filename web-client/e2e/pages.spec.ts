import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, type Locator, type Page, test } from "@playwright/test";
import { accessible, DESKS, looked, PHONE, settled, SHOTS } from "./support/look";
import { goLive, leave, openCheck, openClassroom, openPage, signIn } from "./support/people";
import { seesMotion, seesPicture } from "./support/seen";
import { Server, until } from "./support/server";

test.describe.configure({ mode: "serial" });

let server: Server;
let lesson: string;

test.beforeAll(async () => {
  await mkdir(SHOTS, { recursive: true });
  server = await Server.start();
  lesson = await server.openLesson();
});

test.afterAll(async ({ browser }) => {
  await leave(browser, server);
});

/** One classroom's tile, with its actions shown. */
function tile(teacher: Page, name = ""): Locator {
  return teacher.locator(".tile").filter({ has: teacher.getByText(name, { exact: true }) });
}

test("signing in, wrong and right", async ({ browser }) => {
  const page = await openPage(browser);
  await page.goto(server.url);
  await page.getByLabel("账号").fill("teacher");
  await page.getByLabel("密码", { exact: true }).fill("wrong");
  await page.getByLabel("密码", { exact: true }).press("Enter");
  await expect(page.getByRole("alert")).toContainText("账号或密码不对");
  await looked(page, "sign-in");
  await page.context().close();
});

test("a teacher's day and the check", async ({ browser }) => {
  const page = await openPage(browser);
  await signIn(page, server, "teacher");
  await expect(page.locator(".current-lesson")).toBeVisible();
  await looked(page, "today");
  await page.context().close();
  const check = await openCheck(browser, server);
  await seesMotion(check.locator(".programme video").first(), "the own picture");
  await looked(check, "check");
  await check.context().close();
});

test("a classroom pairs with the remote control alone, and waits", async ({ browser }) => {
  const page = await openPage(browser, { width: 1920, height: 1080 });
  await page.goto(`${server.url}/classroom`);
  await expect(page.getByRole("heading", { name: "配对这块屏幕" })).toBeVisible();
  await looked(page, "pairing", { ready: () => expect(page.locator(".qr svg")).toBeVisible() });
  await expect(page.getByRole("button", { name: "我有配对码" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "1", exact: true })).toBeFocused();
  await page.screenshot({ path: join(SHOTS, "pairing-pad.png") });
  await accessible(page, "the pad");
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  await expect(page.getByRole("button", { name: "0", exact: true })).toBeFocused();
  for (let digit = 0; digit < 6; digit++) await page.keyboard.press("Enter");
  await expect(page.getByText("配对码不对或已用过")).toBeVisible();
  await page.context().close();
});

test("administration", async ({ browser }) => {
  const page = await openPage(browser);
  await signIn(page, server, "administrator");
  await expect(page.getByRole("table")).toBeVisible();
  await looked(page, "classrooms");
  await page.goto(`${server.url}/pair?code=123456`);
  await expect(page.getByRole("radio")).toHaveCount(3);
  await page.getByRole("radio").first().check();
  await looked(page, "pair", { sizes: [...DESKS, PHONE] });
  await page.goto(`${server.url}/lessons`);
  await expect(page.getByRole("table")).toBeVisible();
  await looked(page, "lessons");
  await page.goto(`${server.url}/nowhere`);
  await expect(page.getByRole("heading", { name: "没有这个页面" })).toBeVisible();
  await looked(page, "not-found");
  await page.context().close();
});

test("the live pages, the library and the player with real pictures", async ({ browser }) => {
  // Sixteen pages are looked at in two languages and sizes, while four others send and receive.
  test.setTimeout(480_000);
  const rooms = await server.pairingCodes(lesson);
  const screens = [];
  for (const { code } of rooms) screens.push(await openClassroom(browser, server.url, code));
  const [first, second] = screens as [Page, Page];
  const teacher = await goLive(browser, server);
  await seesMotion(first.locator(".lesson-camera video"), "the teacher");
  await looked(first, "classroom-camera");
  await teacher.keyboard.press("d");
  await tile(teacher, rooms[0]?.name).getByRole("button", { name: "请上台" }).click();
  await second.keyboard.press("h");
  await seesMotion(second.locator(".lesson-material video"), "the material");
  const wall = teacher.locator(".tile video");
  await looked(teacher, "live", { ready: () => expect(wall).toHaveCount(rooms.length) });
  await expect(teacher.locator(".tile[data-stage=true]")).toHaveCount(1);
  await looked(first, "classroom-on-stage", { ready: () => expect(first.locator(".lesson-self")).toBeVisible() });
  await looked(second, "classroom-stage", {
    ready: () => expect(second.locator(".lesson-guest").first()).toBeVisible(),
  });
  const screen = second;
  await screen.keyboard.press("ArrowUp");
  await expect(screen.locator(".foot")).toHaveAttribute("data-shown", "yes");
  await settled(screen);
  await screen.screenshot({ path: join(SHOTS, "classroom-foot.png") });
  const observer = await openPage(browser);
  await signIn(observer, server, "researcher", `/observe/${lesson}`);
  await seesMotion(observer.locator(".programme video").first(), "the programme");
  await looked(observer, "observe");
  // A running lesson can be replayed.
  await observer.goto(`${server.url}/library/${lesson}`);
  await observer.getByRole("button", { name: "播放", exact: true }).last().click();
  await seesMotion(observer.locator('[data-track="teacher-camera"] video'), "the replay of a running lesson");
  await observer.goto(`${server.url}/today`);
  await teacher.getByRole("button", { name: /^下课/ }).click();
  await teacher.waitForFunction((from) => Date.now() - from > 500, Date.now());
  await teacher.getByRole("button", { name: /再按一次确认下课/ }).click();
  await expect(screen.getByText("下课了")).toBeVisible();
  await screen.screenshot({ path: join(SHOTS, "classroom-end.png") });
  // The demo has another lesson on at once; without it this screen waits.
  await screen.route("**/api/v1/terminal/events", (route) => route.abort());
  await screen.route("**/api/v1/terminal", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), current: null } });
  });
  await screen.reload();
  await expect(screen.locator("#classroom")).toHaveAttribute("data-showing", "waiting");
  await looked(screen, "waiting", { ready: () => expect(screen.locator(".wait-place")).not.toBeEmpty() });
  await expect(teacher.getByRole("heading", { name: "已下课" })).toBeVisible();
  await looked(teacher, "over");
  await until("the recording is whole", async () =>
    (await server.recordings()).some((recording) => recording.lesson.id === lesson && recording.state === "finished"),
  );
  await observer.goto(`${server.url}/library`);
  await expect(observer.locator(".recording")).toHaveCount(1);
  await looked(observer, "library", { sizes: [...DESKS, PHONE] });
  await observer.goto(`${server.url}/library?search=没有这样的课`);
  await expect(observer.getByText("没有符合的课")).toBeVisible();
  await looked(observer, "library-none", { sizes: [PHONE] });
  await observer.goto(`${server.url}/library/${lesson}`);
  await looked(observer, "player", {
    sizes: [...DESKS, PHONE],
    ready: () => seesPicture(observer.locator('[data-track="teacher-camera"] video')),
  });
});
