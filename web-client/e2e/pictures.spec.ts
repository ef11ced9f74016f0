import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { goLive, leave, openClassroom } from "./support/people";
import { type Scene, showScene } from "./support/scenes";
import { seesPicture } from "./support/seen";
import { Server } from "./support/server";

/** Where README's pictures are; they are taken anew only when asked for: `PICTURES=1 npm run e2e -- pictures.spec.ts`. */
const IMAGES = join(import.meta.dirname, "../../docs/images");
const ROOMS: Scene[] = ["pupils-warm", "pupils-cool", "pupils-few"];
const SCREEN = { width: 1920, height: 1080 };

test.skip(process.env["PICTURES"] === undefined, "README's pictures are not taken");

let server: Server;

test.beforeAll(async () => {
  await mkdir(IMAGES, { recursive: true });
  server = await Server.start();
});

test.afterAll(async ({ browser }) => {
  await leave(browser, server);
});

test("README's pictures: a lesson with three classrooms, one of them on stage", async ({ browser }) => {
  const lesson = await server.openLesson();
  const screens = [];
  for (const [index, { code }] of (await server.pairingCodes(lesson)).entries())
    screens.push(
      await openClassroom(browser, server.url, code, (page) => showScene(page, ROOMS[index] ?? "pupils-warm")),
    );
  const teacher = await goLive(browser, server, (page) => showScene(page, "teacher"));
  await teacher.setViewportSize(SCREEN);
  await teacher.keyboard.press("s");
  const stage = screens[0];
  const hand = screens[1];
  if (stage === undefined || hand === undefined) throw new Error("the demo has three classrooms");
  await seesPicture(stage.locator(".lesson-material video"));
  await expect(teacher.locator(".tile video")).toHaveCount(screens.length);
  await teacher.keyboard.press("2");
  await expect(teacher.locator(".programme-guest video")).toBeVisible();
  await hand.keyboard.press("h");
  await expect(teacher.locator(".tile .mark[data-mark=hand]")).toBeVisible();
  for (const picture of await teacher.locator("video").all()) await seesPicture(picture);
  await expect(teacher.locator(".tile .mark[data-mark=noSound]")).toHaveCount(0);
  await expect(teacher.locator('.lamp[data-state="recording"]')).toBeVisible();
  await expect(teacher.locator(".lamp-time")).toHaveText(/0:[1-5]\d/);
  await teacher.mouse.move(960, 1070);
  await teacher.screenshot({ path: join(IMAGES, "teacher-live.png") });
  for (const screen of screens) {
    await screen.setViewportSize(SCREEN);
    if (!(await screen.locator(".lesson-self").isVisible())) continue;
    await expect(screen.locator(".foot")).toHaveAttribute("data-shown", "no");
    await screen.screenshot({ path: join(IMAGES, "classroom.png") });
  }
});
