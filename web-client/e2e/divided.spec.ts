import { expect, type Page, test } from "@playwright/test";
import { classroomOnLine } from "./support/line";
import { goLive, leave } from "./support/people";
import { picture } from "./support/seen";
import { Server, until } from "./support/server";

// A camera as VP9 with three spatial layers under one SSRC (L3T3_KEY), as a browser without an encoder for H264 could send it.
let server: Server;

test.beforeEach(async () => {
  server = await Server.start();
});

test.afterEach(async ({ browser }) => {
  if (test.info().status !== test.info().expectedStatus) console.log(server.output);
  await leave(browser, server);
});

/** Makes the page answer with VP9 alone, in one stream, and encode it in layers. */
async function divide(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const connection = RTCPeerConnection.prototype as unknown as {
      setRemoteDescription: (this: RTCPeerConnection, description: RTCSessionDescriptionInit) => Promise<void>;
    };
    const describe = connection.setRemoteDescription;
    connection.setRemoteDescription = function (description) {
      const lines = (description.sdp ?? "").split("\r\n").filter((line) => !/^a=(simulcast|rid):/.test(line));
      const sdp = lines.map((line) =>
        line.startsWith("m=video") ? line.replace(" 98 99", "").replace(" 102 ", " 98 99 102 ") : line,
      );
      return describe.call(this, { ...description, sdp: sdp.join("\r\n") });
    };
    const sender = RTCRtpSender.prototype as unknown as {
      setParameters: (this: RTCRtpSender, parameters: RTCRtpSendParameters) => Promise<void>;
    };
    const set = sender.setParameters;
    sender.setParameters = function (parameters) {
      const [layer] = parameters.encodings as { scalabilityMode?: string }[];
      if (this.track?.kind === "video" && layer !== undefined) layer.scalabilityMode = "L3T3_KEY";
      return set.call(this, parameters);
    };
  });
}

test("each classroom gets the layer of a divided stream that its line carries", async ({ browser }) => {
  await goLive(browser, server, divide);
  const { line, page } = await classroomOnLine(browser, server);
  await until("the classroom gets the large picture", async () => (await picture(page)).height === 720);

  line.narrow(300_000);
  await until("the picture gets smaller", async () => [180, 360].includes((await picture(page)).height));
  const narrow = await picture(page);
  const since = Date.now();
  await until("10 s pass on the narrow line", () => Promise.resolve(Date.now() - since >= 10_000));
  const low = await picture(page);
  expect(low.height).toBeLessThan(720);
  expect(low.decoded - narrow.decoded, "the picture moves").toBeGreaterThan(60);

  line.narrow(null);
  await until("the large picture is back", async () => (await picture(page)).height === 720);
  line.close();
});
