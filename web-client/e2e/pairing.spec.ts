import { expect, type Page, test } from "@playwright/test";
import decode from "jsqr";
import type { ClassroomDetail } from "../src/api/client";
import { leave, openPage, signIn } from "./support/people";
import { Server, until } from "./support/server";

const PHONE = { width: 390, height: 844 };
const TELEVISION = { width: 1280, height: 720 };
/** An administrator standing before the screen sees it go on at once: it is some 100 ms on a machine that does nothing else. */
const AT_ONCE_MS = 5_000;

let server: Server;

test.beforeAll(async () => {
  server = await Server.start();
});

test.afterAll(async ({ browser }) => {
  await leave(browser, server);
});

/** What a phone's camera reads from the picture of the screen. */
async function scanned(screen: Page): Promise<string> {
  const qr = screen.locator(".qr");
  await expect(qr.locator("svg")).toBeVisible();
  const picture = (await qr.screenshot()).toString("base64");
  const { width, height, data } = await screen.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    return { width: pixels.width, height: pixels.height, data: [...pixels.data] };
  }, picture);
  const read = decode(Uint8ClampedArray.from(data), width, height);
  const digits = ((await screen.locator(".pair-code").textContent()) ?? "").replaceAll(/\D/g, "");
  expect(read?.data).toBe(`${server.url}/pair?code=${digits}`);
  return read?.data ?? "";
}

test("an administrator's phone pairs a screen on which nobody types", async ({ browser }) => {
  const screen = await openPage(browser, TELEVISION);
  await screen.goto(`${server.url}/classroom`);
  const address = await scanned(screen);
  const phone = await openPage(browser, PHONE);
  await signIn(phone, server, "administrator", address.slice(server.url.length));
  await phone.getByRole("radio", { name: /三年级\(1\)班/ }).check();
  await phone.getByRole("button", { name: /^配对到/ }).click();
  await expect(phone.getByRole("heading", { name: /已配对/ })).toBeVisible();
  const from = Date.now();
  await expect(screen.locator("#classroom")).toHaveAttribute("data-showing", /waiting|lesson/);
  const took = Date.now() - from;
  console.log(`the screen went on ${took} ms after the phone said so`);
  expect(took, "ms until the screen is paired").toBeLessThan(AT_ONCE_MS);
  const rooms = await server.as<ClassroomDetail[]>("administrator", "GET", "/classrooms");
  expect(rooms.filter((room) => room.terminals.length > 0).map((room) => room.name)).toEqual(["三年级(1)班"]);
  // The code is used up.
  await phone.getByRole("button", { name: "再配对一块" }).click();
  const used = new URL(address).searchParams.get("code") ?? "";
  await phone.getByLabel("屏幕上的六位数字").fill(used);
  await phone.getByRole("radio").last().check();
  await phone.getByRole("button", { name: /^配对到/ }).click();
  await expect(phone.getByRole("alert")).toContainText("没有屏幕显示这个号码");
  await phone.context().close();
  await screen.context().close();
});

test("a wrong choice is undone on the phone, and the screen shows another code", async ({ browser }) => {
  const screen = await openPage(browser, TELEVISION);
  await screen.goto(`${server.url}/classroom`);
  const address = await scanned(screen);
  const phone = await openPage(browser, PHONE);
  await signIn(phone, server, "administrator", address.slice(server.url.length));
  await phone.getByRole("radio").first().check();
  await phone.getByRole("button", { name: /^配对到/ }).click();
  await expect(screen.locator("#classroom")).toHaveAttribute("data-showing", /waiting|lesson/);
  await phone.getByRole("button", { name: "撤销" }).click();
  await expect(screen.locator("#classroom")).toHaveAttribute("data-showing", "pairing");
  await expect(screen.getByText("配对已被解除")).toBeVisible();
  await until("the screen shows another code", async () => (await scanned(screen)) !== address);
  await phone.context().close();
  await screen.context().close();
});

test("whoever is no administrator is told so, and a code that nobody shows is refused", async ({ browser }) => {
  const teacher = await openPage(browser, PHONE);
  await signIn(teacher, server, "teacher", "/pair?code=123456");
  await expect(teacher.getByText("您没有权限做这件事")).toBeVisible();
  await teacher.context().close();
});
