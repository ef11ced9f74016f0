import { createHash, X509Certificate } from "node:crypto";
import { type Browser, chromium, expect, type Page, test } from "@playwright/test";
import { CHROMIUM, FLAGS } from "./playwright.config";
import { oneBehind, ways } from "./support/firewall";
import { goLive, leave, openPage } from "./support/people";
import { freeTcp, Server, until } from "./support/server";

let server: Server;
/** The server by HTTPS, with a certificate of its own authority. */
let secure: { url: string };
/** A browser that trusts that authority and nobody else: it would take no other certificate for the relay's either. */
let trusting: Browser;

test.beforeEach(async () => {
  const port = await freeTcp();
  server = await Server.start({ TONGKE_TLS: "local", TONGKE_TLS_LISTEN: `127.0.0.1:${port}` });
  secure = { url: `https://localhost:${port}` };
  const authority = new X509Certificate(await (await fetch(`${server.url}/ca.pem`)).text());
  const key = authority.publicKey.export({ type: "spki", format: "der" });
  const trusted = `--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`;
  trusting = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, trusted] });
});

test.afterEach(async () => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(trusting, server);
  await trusting.close();
});

/** A firewall that lets nothing but HTTPS through: the page uses no candidate but its relay's. */
async function onlyHttps(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: "relay" });
      }
    };
  });
}

test("a school that lets nothing but HTTPS through has its lesson, by TLS on that port", async () => {
  const said: string[] = [];
  const listened = async (page: Page): Promise<void> => {
    await onlyHttps(page);
    page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => void said.push(String(payload))));
  };
  const teacher = await goLive(trusting, secure, listened);
  const { behind, other } = await oneBehind(onlyHttps, trusting, server, secure.url, teacher);
  for (const page of [teacher, behind.page]) expect(await ways(page)).toEqual(["relay tls"]);
  await until("UDP is chosen where it passes", async () => (await ways(other.page)).join().startsWith("host"));
  await until("the teacher is told of it", () =>
    Promise.resolve(said.some((text) => text.includes('"transport":"tls"'))),
  );
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  console.log(
    metrics
      .split("\n")
      .filter((line) => line.startsWith("tongke_turn_"))
      .join("\n"),
  );
});

test("the network check tells that TLS passes where the media ports do not", async () => {
  const page = await openPage(trusting);
  await page.addInitScript(() => {
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
        // Candidates have a port where nobody is, unless it goes by the relay.
        const relayed = this.getConfiguration().iceTransportPolicy === "relay";
        const sdp = (description.sdp ?? "").replace(/^(a=candidate:\S+ \d+ \S+ \d+ \S+) \d+ /gm, "$1 9 ");
        await super.setRemoteDescription(relayed ? description : { ...description, sdp });
      }
    };
  });
  await page.goto(`${secure.url}/probe?lang=zh`);
  await expect(page.locator(".probe-verdict")).not.toHaveAttribute("data-verdict", "running", { timeout: 90_000 });
  await expect(page.locator("[data-rung=tcp]")).toHaveAttribute("data-state", "bad");
  await expect(page.locator("[data-rung=tls]")).toHaveAttribute("data-state", "good");
  await expect(page.locator(".probe-verdict")).toHaveAttribute("data-verdict", "tls");
});
