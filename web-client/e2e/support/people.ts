import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import { watchConnections } from "./seen";
import { ACCOUNTS, type Server } from "./server";

const DESK = { width: 1366, height: 768 };
const TELEVISION = { width: 1280, height: 720 };

/** Where the pages are: a server, or another way to it. */
interface Site {
  readonly url: string;
}

/** What is done with a page before it is loaded. */
type Prepare = (page: Page) => Promise<void>;

/** A page in a browser profile of its own, with its connections kept for measuring. */
export async function openPage(browser: Browser, viewport = DESK): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    viewport,
    permissions: ["camera", "microphone"],
    locale: "zh-CN",
  });
  const page = await context.newPage();
  await watchConnections(page);
  await page.addInitScript(() => {
    // Chromium's second fake camera gives 16-bit depth, which no codec takes; the third is an ordinary one.
    const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
    if (devices === undefined) return;
    const all = devices.enumerateDevices.bind(devices);
    devices.enumerateDevices = async () => (await all()).filter(({ label }) => label !== "fake_device_1");
  });
  return page;
}

/** Closes all pages and ends the server: what is left open would decode and encode through the stories that follow. */
export async function leave(browser: Browser, server: Server): Promise<void> {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await server.remove();
}

/** Signs in on the sign-in page. */
export async function signIn(page: Page, server: Site, who: keyof typeof ACCOUNTS, path = "/"): Promise<void> {
  await page.goto(`${server.url}${path}`);
  await page.getByLabel("账号").fill(ACCOUNTS[who].account);
  await page.getByLabel("密码", { exact: true }).fill(ACCOUNTS[who].password);
  await page.getByRole("button", { name: "登录" }).click();
  await expect(page.getByRole("heading", { name: "登录" })).toHaveCount(0);
}

/** Signs the teacher in and opens the lesson that is on: the check before it. */
export async function openCheck(browser: Browser, server: Site, prepare?: Prepare): Promise<Page> {
  const page = await openPage(browser);
  await prepare?.(page);
  await signIn(page, server, "teacher");
  await page.getByRole("button", { name: /进入课堂|回到课堂/ }).click();
  await expect(page.getByRole("heading", { name: "课前检查" })).toBeVisible();
  return page;
}

/** Signs the teacher in, goes through the check and starts the lesson. */
export async function goLive(browser: Browser, server: Site, prepare?: Prepare): Promise<Page> {
  const page = await openCheck(browser, server, prepare);
  await expect(page.getByText("麦克风有声音")).toBeVisible();
  await page.getByRole("button", { name: "开始上课" }).click();
  await expect(page.getByText("正在直播")).toBeVisible();
  return page;
}

/** Ends the lesson: the second press has to be a deliberate one. */
export async function endLesson(teacher: Page): Promise<void> {
  await teacher.getByRole("button", { name: /^下课/ }).click();
  await teacher.waitForFunction((from) => Date.now() - from > 500, Date.now());
  await teacher.getByRole("button", { name: /再按一次确认下课/ }).click();
  await expect(teacher.getByRole("heading", { name: "已下课" })).toBeVisible();
}

/** A classroom's screen, paired by its code; `url` may be that of a line that can be cut. */
export async function openClassroom(browser: Browser, url: string, code: string, prepare?: Prepare): Promise<Page> {
  const page = await openPage(browser, TELEVISION);
  await prepare?.(page);
  await page.goto(`${url}/classroom?code=${code}`);
  await expect(page.locator("#classroom")).toHaveAttribute("data-showing", /waiting|lesson/);
  return page;
}
