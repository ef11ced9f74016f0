import { expect, type Page, test } from "@playwright/test";
import { goLive, leave, openClassroom, openPage, signIn } from "./support/people";
import { hears, playsSound, pixels, difference, seesMotion, soundTracks, srtpCipher } from "./support/seen";
import { Server, until } from "./support/server";

// One lesson from the first click to the replay: each test goes on where the one before it stopped.
test.describe.configure({ mode: "serial" });

let server: Server;
let lesson: string;
let teacher: Page;
let classrooms: { name: string; page: Page }[];

const tile = (name: string) => teacher.locator(".tile", { hasText: name });
const large = (page: Page) => page.locator(".lesson-camera video");

test.beforeAll(async ({ browser }) => {
  server = await Server.start();
  lesson = await server.openLesson();
  const codes = await server.pairingCodes(lesson);
  classrooms = [];
  for (const { name, code } of codes) classrooms.push({ name, page: await openClassroom(browser, server.url, code) });
});

test.afterAll(async ({ browser }) => {
  await leave(browser, server);
});

test.afterEach(() => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
});

test("classrooms wait, the teacher checks and goes live", async ({ browser }) => {
  for (const { page } of classrooms) await expect(page.locator("#classroom")).toHaveAttribute("data-showing", "lesson");
  teacher = await goLive(browser, server);
  await seesMotion(teacher.locator(".programme video").first(), "the teacher's own picture");
});

test("classrooms see a moving picture and hear", async () => {
  for (const { name, page } of classrooms) {
    await seesMotion(large(page), `the teacher in ${name}`);
    await hears(page, `the teacher in ${name}`);
  }
  expect(await srtpCipher((classrooms[0] as { page: Page }).page)).toContain("AEAD_AES_128_GCM");
});

test("the teacher sees each classroom, present and with its own camera", async () => {
  await expect(teacher.getByText(`${classrooms.length}/${classrooms.length} 间在线`)).toBeVisible();
  for (const { name } of classrooms) await seesMotion(tile(name).locator("video"), `the tile of ${name}`);
  for (const { name } of classrooms) await expect(tile(name).locator(".mark")).toHaveText(/正常/);
});

test("the lamp is lit once bytes are on disk", async () => {
  await expect(teacher.locator(".lamp-light")).toHaveAttribute("data-lit", "true");
});

test("a raised hand stands in front, and is lowered by the teacher", async () => {
  const { name, page } = classrooms[0] as { name: string; page: Page };
  await page.keyboard.press("ArrowRight");
  await page.getByRole("button", { name: "举手" }).press("Enter");
  await expect(page.locator(".lesson-badge")).toContainText("已举手");
  await expect(tile(name).locator(".mark")).toContainText("举手 第 1");
  await expect(teacher.locator(".front-item").first()).toContainText(name);
  await tile(name).hover();
  await tile(name).getByRole("button", { name: "放下手" }).click();
  await expect(tile(name).locator(".mark")).not.toContainText("举手");
});

test("a classroom on stage is heard and seen by all, and no longer when it is off", async () => {
  const [first, second] = classrooms as [{ name: string; page: Page }, { name: string; page: Page }];
  expect(await soundTracks(teacher)).toBe(0);
  await teacher.keyboard.press("1");
  await expect(teacher.locator(".tile[data-stage=true]")).toHaveCount(1);
  const name = (await teacher.locator(".tile[data-stage=true] strong").textContent()) ?? "";
  const guest = classrooms.find((room) => room.name === name) ?? first;
  const other = guest === first ? second : first;
  await expect(guest.page.locator(".lesson-badge")).toContainText("您在台上");
  await seesMotion(guest.page.locator(".lesson-self video"), "the own picture on stage");
  await hears(teacher, "the classroom on stage, at the teacher's");
  await seesMotion(other.page.locator(".lesson-guest video").first(), "the classroom on stage, elsewhere");
  expect(await soundTracks(other.page)).toBe(2);
  await teacher.getByRole("button", { name: "请下台" }).last().click();
  await expect(teacher.locator(".tile[data-stage=true]")).toHaveCount(0);
  await expect(other.page.locator(".lesson-guest:visible")).toHaveCount(0);
  await until("the sound of the stage ends", async () => (await soundTracks(other.page)) === 1);
});

test("the document camera fills the screen of classrooms", async () => {
  await teacher.keyboard.press("d");
  for (const { name, page } of classrooms)
    await seesMotion(page.locator(".lesson-material video"), `the material in ${name}`);
  await expect((classrooms[0] as { page: Page }).page.locator(".lesson")).toHaveAttribute("data-has", "both");
});

test("a message of the teacher stands on the screen", async () => {
  await teacher.keyboard.press("b");
  await teacher.getByRole("textbox", { name: "发消息" }).fill("请打开课本第 12 页");
  await teacher.getByRole("button", { name: "发送" }).click();
  for (const { page } of classrooms) await expect(page.locator(".lesson-notice")).toContainText("请打开课本第 12 页");
});

test("a researcher watches unseen", async ({ browser }) => {
  const page = await openPage(browser);
  await signIn(page, server, "researcher", `/observe/${lesson}`);
  await seesMotion(page.locator(".programme video").first(), "the observer's programme");
  await hears(page, "the teacher, by the observer");
  await expect(teacher.locator(".tile")).toHaveCount(classrooms.length);
  await page.context().close();
});

test("a reload of the teacher's page comes back into the same live lesson by itself", async () => {
  const { page } = classrooms[0] as { page: Page };
  await teacher.reload();
  await expect(teacher.getByText("正在直播")).toBeVisible();
  await expect(teacher.getByRole("button", { name: /下课/ })).toBeVisible();
  await seesMotion(page.locator(".lesson-material video"), "the material after the reload");
  await hears(page, "the teacher after the reload");
});

test("a second tab of the teacher takes over, and the first says so", async () => {
  const second = await teacher.context().newPage();
  await second.goto(`${server.url}/teach/${lesson}`);
  await expect(second.getByRole("button", { name: /下课/ })).toBeVisible();
  await expect(teacher.getByText("seat_taken")).toBeVisible();
  await second.close();
  await teacher.getByRole("button", { name: "在这里继续" }).click();
  await expect(teacher.getByRole("button", { name: /下课/ })).toBeVisible();
  await seesMotion(large((classrooms[0] as { page: Page }).page), "the teacher after taking over again");
});

test("a second tab of a classroom takes over without a fight", async () => {
  const { page } = classrooms[1] as { page: Page };
  const second = await page.context().newPage();
  await second.goto(`${server.url}/classroom`);
  await seesMotion(large(second), "the teacher in the second tab");
  await expect(page.locator("#classroom")).toHaveAttribute("data-showing", "taken");
  await second.close();
  await page.keyboard.press("Enter");
  await seesMotion(large(page), "the teacher back in the first tab");
});

test("the lesson ends by a second, deliberate press", async () => {
  await teacher.getByRole("button", { name: /^下课/ }).dblclick();
  await expect(teacher.getByText("再按一次确认下课")).toBeVisible();
  await teacher.waitForFunction((from) => Date.now() - from > 500, Date.now());
  await teacher.getByRole("button", { name: /再按一次确认下课/ }).click();
  await expect(teacher.getByRole("heading", { name: "已下课" })).toBeVisible();
  // The end is shown for a while only: all are looked at before any is looked at again.
  await Promise.all([...classrooms.map(({ page }) => expect(page.getByText("下课了")).toBeVisible()), replayIsReady()]);
  // The demo has another lesson on at once: the screen waits, or is in that one already.
  for (const { page } of classrooms)
    await expect(page.locator("#classroom")).toHaveAttribute("data-showing", /waiting|lesson/);
});

async function replayIsReady(): Promise<void> {
  await until("the recording is whole", async () =>
    (await server.recordings()).some(({ lesson: of, state }) => of.id === lesson && state === "finished"),
  );
  const ended = Date.parse((await server.lesson(lesson)).ended_at ?? "");
  console.log(`replay ready ${Date.now() - ended} ms after the end`);
}

test("the replay is in the library, seeks, and plays teacher and material in step", async ({ browser }) => {
  const page = await openPage(browser);
  await signIn(page, server, "researcher");
  await page.locator(".recording").first().click();
  const camera = page.locator('[data-track="teacher-camera"] video');
  const document = page.locator('[data-track="teacher-document"] video');
  const chapters = page.getByRole("region", { name: "章节" });
  for (const chapter of [/^\S+\s*上课/, /上台/, /下台/, /举手/, /展示课件/, /下课/])
    await expect(chapters.getByRole("button", { name: chapter }).first()).toBeVisible();
  await chapters
    .getByRole("button", { name: /展示课件/ })
    .first()
    .click();
  await page.getByRole("button", { name: "播放", exact: true }).last().click();
  await seesMotion(camera, "the teacher in the replay");
  await seesMotion(document, "the material in the replay");
  await playsSound(camera, "the replay");
  await until("both are in step", async () => {
    const [a, b] = await Promise.all(
      [camera, document].map((video) => video.evaluate((v) => (v as HTMLVideoElement).currentTime)),
    );
    return Math.abs((a ?? 0) - (b ?? 9)) < 0.25;
  });
  await page.keyboard.press("k");
  const before = await pixels(camera);
  const time = await camera.evaluate((video) => (video as HTMLVideoElement).currentTime);
  await page.keyboard.press("j");
  await until("10 s back", () =>
    camera.evaluate((video, from) => Math.abs((video as HTMLVideoElement).currentTime - from) > 1, time),
  );
  await until("another picture", async () => {
    const now = await pixels(camera);
    return now !== null && before !== null && difference(now, before) > 0.5;
  });
  await page.context().close();
});
