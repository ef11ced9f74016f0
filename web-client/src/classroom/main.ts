import { api, ApiError } from "../api/client";
import { systemClock } from "../live/clock";
import "../theme/theme.css";
import "../theme/classroom.css";
import { rememberedLanguage } from "../words/language";
import { Classroom } from "./classroom";
import { eventSourceStream, TerminalFeed } from "./terminal-feed";
import { words } from "./words";

document.documentElement.lang = rememberedLanguage() === "zh" ? "zh-CN" : "en";
document.title = words.title;

const root = document.getElementById("classroom");
if (root === null) throw new Error("classroom.html has a #classroom");

const feed = new TerminalFeed({
  clock: systemClock,
  open: eventSourceStream,
  ask: async () => {
    try {
      return await api.terminal();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
});
new Classroom(root, feed);

/** Keeps the screen on: nobody touches it for days. */
async function stayAwake(): Promise<void> {
  const wake = (navigator as { wakeLock?: WakeLock }).wakeLock;
  if (wake !== undefined && document.visibilityState === "visible") await wake.request("screen").catch(() => undefined);
}
document.addEventListener("visibilitychange", () => void stayAwake());
void stayAwake();
