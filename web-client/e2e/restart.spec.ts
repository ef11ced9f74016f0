import { expect, type Page, test } from "@playwright/test";
import { endLesson, goLive, leave, openClassroom, openPage, signIn } from "./support/people";
import { hears, seesMotion } from "./support/seen";
import { Server, until } from "./support/server";

let server: Server;

test.beforeEach(async () => {
  server = await Server.start();
});

test.afterEach(async ({ browser }) => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(browser, server);
});

test("the lesson goes on after SIGTERM and after kill -9 of the server, and one replay spans it all", async ({
  browser,
}) => {
  const lesson = await server.openLesson();
  const [room] = await server.pairingCodes(lesson);
  const page = await openClassroom(browser, server.url, room?.code ?? "");
  const teacher = await goLive(browser, server);
  const picture = page.locator(".lesson-camera video");
  await seesMotion(picture, "the teacher");
  const began = Date.now();
  await recorded(teacher);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    await server.stop(signal);
    await expect(page.locator(".lesson-status")).toContainText("线路中断");
    await server.launch();
    await expect(page.locator(".lesson-status")).toBeHidden();
    await seesMotion(picture, `the teacher after ${signal}`);
    await hears(page, `the teacher after ${signal}`);
    await expect(teacher.getByRole("button", { name: /下课/ })).toBeVisible();
    await recorded(teacher);
  }
  await endLesson(teacher);
  await expect(page.getByText("下课了")).toBeVisible();
  const taught = Date.now() - began;
  const whole = await until("the recording is whole", async () =>
    (await server.recordings()).find((recording) => recording.lesson.id === lesson && recording.state === "finished"),
  );
  expect(whole.duration_ms).toBeGreaterThan(taught * 0.9);
  const player = await openPage(browser);
  await signIn(player, server, "researcher", `/library/${lesson}`);
  const camera = player.locator('[data-track="teacher-camera"] video');
  // Near the end: that is after both restarts.
  await player
    .getByRole("slider", { name: "播放位置" })
    .fill(String(Math.floor((whole.duration_ms * 0.85) / 100) * 100));
  await player.getByRole("button", { name: "播放", exact: true }).last().click();
  await seesMotion(camera, "the replay after both restarts");
});

/** Waits until the lamp says that bytes are on disk. */
async function recorded(teacher: Page): Promise<void> {
  await expect(teacher.locator(".lamp-light")).toHaveAttribute("data-lit", "true");
}
