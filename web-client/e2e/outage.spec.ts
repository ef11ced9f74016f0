import { expect, type Page, test } from "@playwright/test";
import { classroomOnLine, Line } from "./support/line";
import { goLive, leave, openClassroom, openPage, signIn } from "./support/people";
import { hears, seesMotion } from "./support/seen";
import { Server, until } from "./support/server";

const OUTAGE_MS = 30_000;

let server: Server;
let teacher: Page;

test.beforeEach(async ({ browser }) => {
  server = await Server.start();
  teacher = await goLive(browser, server);
});

test.afterEach(async ({ browser }) => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(browser, server);
});

test("a classroom whose line is cut for 30 s says so, and is back without a click", async ({ browser }) => {
  const { line, page, name } = await classroomOnLine(browser, server);
  const picture = page.locator(".lesson-camera video");
  await hears(page, "the teacher");
  line.cut();
  const cutAt = Date.now();
  await expect(page.locator(".lesson-status")).toContainText("线路中断");
  await expect(page.locator(".lesson")).toHaveAttribute("data-dimmed", "yes");
  // Never black: the last picture stays below the words.
  await expect(page.locator(".lesson-camera")).toBeVisible();
  await expect(teacher.locator(".tile", { hasText: name }).locator(".mark")).toContainText("已断开");
  await until("30 s have passed", () => Promise.resolve(Date.now() - cutAt >= OUTAGE_MS), OUTAGE_MS + 5_000);
  line.mend();
  const mendedAt = Date.now();
  await expect(page.locator(".lesson-status")).toBeHidden();
  await seesMotion(picture, "the teacher after the outage");
  console.log(`media back ${Date.now() - mendedAt} ms after the line's return`);
  await hears(page, "the teacher after the outage");
  await expect(teacher.locator(".tile", { hasText: name }).locator(".mark")).toHaveText(/正常/);
  line.close();
});

test("a teacher whose line is cut comes back into the same lesson, and classrooms are told meanwhile", async ({
  browser,
}) => {
  await teacher.context().close();
  const line = await Line.open(server);
  const [room] = await server.pairingCodes(await server.openLesson());
  const page = await openClassroom(browser, server.url, room?.code ?? "");
  // The teacher comes back through a line that can be cut.
  teacher = await openPage(browser);
  await line.use(teacher);
  await signIn(teacher, line, "teacher", `/teach/${await server.openLesson()}`);
  const picture = page.locator(".lesson-camera video");
  await seesMotion(picture, "the teacher");
  line.cut();
  await expect(page.locator(".lesson-status")).toContainText("老师的线路中断");
  await expect(teacher.getByText("线路中断，正在重新连接")).toBeVisible();
  line.mend();
  await expect(page.locator(".lesson-status")).toBeHidden();
  await seesMotion(picture, "the teacher after the outage");
  line.close();
});
