import type { Page } from "@playwright/test";

/** What a page's cameras and screen show instead of Chromium's test pattern. */
export type Scene = "teacher" | "pupils-warm" | "pupils-cool" | "pupils-few" | "clock";

/** The clock's picture: so many bits in so many rows, each a count of so many milliseconds of Unix time. */
export const CLOCK = { columns: 8, rows: 2, step: 50 };

/** Drawn, moving pictures of a lesson in place of the camera and the shared screen; the microphone stays as it is. */
export async function showScene(page: Page, scene: Scene): Promise<void> {
  await page.addInitScript(install, { scene, clock: CLOCK });
}

/** Runs in the page: everything it needs stands inside. */
function install({ scene, clock }: { scene: Scene; clock: typeof CLOCK }): void {
  type Draw = (g: CanvasRenderingContext2D, seconds: number) => void;

  const rounded = (g: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, r: number): void => {
    g.beginPath();
    g.roundRect(x, y, w, h, r);
    g.fill();
  };
  const disc = (g: CanvasRenderingContext2D, x: number, y: number, rx: number, ry = rx): void => {
    g.beginPath();
    g.ellipse(x, y, rx, ry, 0, 0, 2 * Math.PI);
    g.fill();
  };
  const fraction = (
    g: CanvasRenderingContext2D,
    x: number,
    y: number,
    size: number,
    over: string,
    under: string,
  ): void => {
    g.save();
    g.textAlign = "center";
    g.font = `600 ${size}px "Noto Sans CJK SC", sans-serif`;
    g.fillText(over, x, y - size * 0.22);
    g.fillRect(x - size * 0.42, y - size * 0.06, size * 0.84, size * 0.07);
    g.fillText(under, x, y + size * 0.86);
    g.restore();
  };
  const pie = (g: CanvasRenderingContext2D, x: number, y: number, r: number, parts: number, taken: number): void => {
    const step = (2 * Math.PI) / parts;
    for (let part = 0; part < parts; part++) {
      const from = -Math.PI / 2 + part * step;
      const out = part < taken ? r * 0.08 : 0;
      const middle = from + step / 2;
      g.beginPath();
      g.moveTo(x + out * Math.cos(middle), y + out * Math.sin(middle));
      g.arc(x + out * Math.cos(middle), y + out * Math.sin(middle), r, from, from + step);
      g.closePath();
      g.fillStyle = part < taken ? "#e8a33d" : "#f6e3bf";
      g.fill();
      g.strokeStyle = "#9a5f14";
      g.lineWidth = r * 0.025;
      g.stroke();
    }
  };

  /** 1280×720: a teacher before the board. */
  const teacher: Draw = (g, s) => {
    g.fillStyle = "#d9cfba";
    g.fillRect(0, 0, 1280, 720);
    g.fillStyle = "#8a6a42";
    rounded(g, 60, 50, 1160, 500, 10);
    const board = g.createLinearGradient(0, 60, 0, 540);
    board.addColorStop(0, "#1f5a49");
    board.addColorStop(1, "#174437");
    g.fillStyle = board;
    rounded(g, 76, 66, 1128, 468, 4);
    g.fillStyle = "#f4f1e6";
    g.font = '62px "Noto Serif CJK SC", serif';
    g.fillText("分数的初步认识", 130, 168);
    g.font = '40px "Noto Serif CJK SC", serif';
    g.fillText("平均分成 2 份", 140, 300);
    fraction(g, 450, 284, 46, "1", "2");
    g.fillText("平均分成 4 份", 140, 440);
    fraction(g, 450, 424, 46, "1", "4");
    g.fillStyle = "#6f5334";
    g.fillRect(60, 550, 1160, 20);
    const sway = Math.sin(s * 1.1) * 6;
    const x = 880 + sway;
    // Arm that points at the board.
    g.save();
    g.translate(x - 95, 470);
    g.rotate(-0.75 + Math.sin(s * 1.7) * 0.1);
    g.fillStyle = "#b5443c";
    rounded(g, -190, -30, 210, 60, 30);
    g.fillStyle = "#f0c6a0";
    disc(g, -200, 0, 30);
    g.fillStyle = "#e8e0cc";
    g.fillRect(-360, -5, 150, 8);
    g.restore();
    // Body, neck, head.
    g.fillStyle = "#b5443c";
    rounded(g, x - 140, 420, 280, 330, 90);
    g.fillStyle = "#fbf7ee";
    g.beginPath();
    g.moveTo(x - 46, 424);
    g.lineTo(x, 500);
    g.lineTo(x + 46, 424);
    g.fill();
    g.fillStyle = "#e6b58d";
    rounded(g, x - 30, 370, 60, 80, 24);
    g.fillStyle = "#241a17";
    disc(g, x, 268, 116, 122);
    disc(g, x + 78, 180, 46);
    g.fillStyle = "#f3cba6";
    disc(g, x, 296, 92, 104);
    g.fillStyle = "#241a17";
    g.beginPath();
    g.ellipse(x - 8, 224, 96, 46, -0.12, Math.PI, 2 * Math.PI);
    g.fill();
    const blink = s % 3.7 < 0.14 ? 0.15 : 1;
    g.fillStyle = "#2a1f1b";
    disc(g, x - 36, 296, 9, 11 * blink);
    disc(g, x + 36, 296, 9, 11 * blink);
    g.strokeStyle = "#40322c";
    g.lineWidth = 4;
    for (const side of [-36, 36]) {
      g.beginPath();
      g.ellipse(x + side, 296, 29, 25, 0, 0, 2 * Math.PI);
      g.stroke();
    }
    g.beginPath();
    g.moveTo(x - 7, 294);
    g.lineTo(x + 7, 294);
    g.stroke();
    g.fillStyle = "#b3493f";
    disc(g, x, 358, 22, 5 + 8 * Math.abs(Math.sin(s * 5.1) * Math.sin(s * 1.3)));
  };

  /** 1280×720: pupils at their desks, seen from the front. */
  const pupils =
    (wall: string, cloths: string[], rows: number, seats: number): Draw =>
    (g, s) => {
      const light = g.createLinearGradient(0, 0, 1280, 500);
      light.addColorStop(0, "#fff7e2");
      light.addColorStop(0.4, wall);
      g.fillStyle = light;
      g.fillRect(0, 0, 1280, 720);
      for (const x of [50, 270]) {
        g.fillStyle = "#f7fbff";
        rounded(g, x, 60, 180, 210, 6);
        g.fillStyle = "#a9d3ee";
        g.fillRect(x + 12, 72, 74, 186);
        g.fillRect(x + 94, 72, 74, 186);
        g.fillStyle = "#9dbf86";
        g.fillRect(x + 12, 220, 74, 38);
        g.fillRect(x + 94, 220, 74, 38);
      }
      g.fillStyle = "#b8332b";
      g.font = '600 50px "Noto Sans CJK SC", sans-serif';
      g.fillText("好好学习  天天向上", 600, 120);
      g.fillStyle = "#2d6a56";
      rounded(g, 600, 150, 540, 130, 6);
      g.fillStyle = "#f0ead6";
      for (const [index, colour] of ["#f0c86b", "#e98f7a", "#9fc7e8", "#b8d99a"].entries()) {
        g.fillStyle = colour;
        g.fillRect(630 + index * 130, 170, 92, 88);
      }
      for (let row = 0; row < rows; row++) {
        const scale = 0.62 + row * (0.76 / rows);
        const y = 320 + row * (300 / rows);
        for (let seat = 0; seat < seats; seat++) {
          const shift = row % 2 === 1 ? 0.25 : -0.1;
          const x = 640 + (seat - (seats - 1) / 2 + shift) * (1180 / seats) * (0.82 + row * 0.1);
          const phase = row * 2.1 + seat * 1.3;
          const up = (row * seats + seat) % 5 === 3;
          pupil(
            g,
            x + Math.sin(s + phase) * 3,
            y + Math.sin(s * 1.6 + phase) * 2,
            scale,
            cloths,
            row + seat,
            up,
            s + phase,
          );
        }
      }
    };
  const pupil = (
    g: CanvasRenderingContext2D,
    x: number,
    y: number,
    scale: number,
    cloths: string[],
    number: number,
    handUp: boolean,
    s: number,
  ): void => {
    g.save();
    g.translate(x, y);
    g.scale(scale, scale);
    const cloth = cloths[number % cloths.length] ?? "#4d7ea8";
    if (handUp) {
      g.save();
      g.translate(62, 70);
      g.rotate(Math.sin(s * 2) * 0.06);
      g.fillStyle = cloth;
      rounded(g, -16, -110, 34, 130, 17);
      g.fillStyle = "#f0c6a0";
      disc(g, 0, -122, 19);
      g.restore();
    }
    g.fillStyle = cloth;
    rounded(g, -74, 46, 148, 130, 44);
    g.fillStyle = "#c9302c";
    g.beginPath();
    g.moveTo(-34, 54);
    g.lineTo(34, 54);
    g.lineTo(0, 104);
    g.fill();
    const girl = number % 3 === 1;
    g.fillStyle = "#221a18";
    disc(g, 0, -4, 56, 58);
    if (girl) {
      disc(g, -54, 10, 17, 26);
      disc(g, 54, 10, 17, 26);
    }
    g.fillStyle = number % 2 === 0 ? "#efc39b" : "#e8b78c";
    disc(g, 0, 10, 46, 48);
    g.fillStyle = "#221a18";
    g.beginPath();
    g.ellipse(0, -18, 48, 24, 0, Math.PI, 2 * Math.PI);
    g.fill();
    const blink = (s * 1.1) % 4.1 < 0.16 ? 0.2 : 1;
    disc(g, -17, 10, 5, 6 * blink);
    disc(g, 17, 10, 5, 6 * blink);
    g.fillStyle = "#b3604f";
    disc(g, 0, 34, 10, 3 + (number % 3));
    g.fillStyle = "#c8975a";
    rounded(g, -108, 132, 216, 26, 6);
    g.fillStyle = "#a67940";
    g.fillRect(-100, 158, 200, 60);
    g.fillStyle = "#fdfaf1";
    g.fillRect(-40, 120, 80, 14);
    g.restore();
  };

  /** 1920×1080: a slide. */
  const slide: Draw = (g, s) => {
    g.fillStyle = "#fdfaf2";
    g.fillRect(0, 0, 1920, 1080);
    g.fillStyle = "#0f5c4a";
    g.fillRect(0, 0, 1920, 150);
    g.fillStyle = "#f6f4ee";
    g.font = '600 76px "Noto Sans CJK SC", sans-serif';
    g.fillText("分数的初步认识", 90, 102);
    g.font = '44px "Noto Sans CJK SC", sans-serif';
    g.fillText("三年级 数学", 1560, 96);
    g.fillStyle = "#1c2622";
    g.font = '56px "Noto Sans CJK SC", sans-serif';
    g.fillText("把一个月饼平均分成 2 份，每份是它的二分之一。", 110, 270);
    g.fillText("平均分成 4 份，每份是它的四分之一。", 110, 360);
    pie(g, 480, 640, 210, 2, 1);
    pie(g, 1330, 640, 210, 4, 1);
    g.fillStyle = "#b23a2e";
    fraction(g, 800, 620, 130, "1", "2");
    fraction(g, 1660, 620, 130, "1", "4");
    g.fillStyle = "#5b6660";
    g.font = '48px "Noto Sans CJK SC", sans-serif';
    g.fillText("想一想：哪一份更大？为什么？", 110, 990);
    // The pointer of the one who teaches.
    g.fillStyle = "rgb(229 72 77 / 85%)";
    disc(g, 1330 + 150 * Math.cos(s * 0.9), 640 + 150 * Math.sin(s * 0.9), 16);
  };

  /** The time as black and white fields that survive any codec. */
  const time: Draw = (g) => {
    const count = Math.floor(Date.now() / clock.step);
    const { width, height } = g.canvas;
    for (let bit = 0; bit < clock.columns * clock.rows; bit++) {
      const w = width / clock.columns;
      const h = height / clock.rows;
      g.fillStyle = Math.floor(count / 2 ** bit) % 2 === 1 ? "#fff" : "#000";
      g.fillRect((bit % clock.columns) * w, Math.floor(bit / clock.columns) * h, w, h);
    }
  };

  const cameras: Record<Scene, Draw> = {
    clock: time,
    teacher,
    "pupils-warm": pupils("#ead9b6", ["#3d6fa3", "#3d6fa3", "#e8e3d6"], 3, 5),
    "pupils-cool": pupils("#cfdcd8", ["#4f8a6b", "#e2e6e4", "#c46a4a"], 3, 6),
    "pupils-few": pupils("#e3d2c4", ["#7a5ca8", "#2f7f86", "#d09a3a"], 2, 4),
  };
  const filmed = (draw: Draw, width: number, height: number, base: number, rate: number): MediaStreamTrack => {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const g = canvas.getContext("2d");
    if (g === null) throw new Error("no canvas");
    if (scene !== "clock") g.scale(width / base, width / base);
    const from = performance.now();
    const step = (): void => draw(g, (performance.now() - from) / 1000);
    step();
    const timer = setInterval(step, 1000 / rate);
    const track = canvas.captureStream(rate).getVideoTracks()[0];
    if (track === undefined) throw new Error("no picture");
    const stop = track.stop.bind(track);
    track.stop = () => {
      clearInterval(timer);
      stop();
    };
    return track;
  };

  const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
  if (devices === undefined) return;
  const real = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (asked) => {
    if (!asked?.video) return real(asked);
    const large = scene === "teacher";
    const rate = scene === "clock" ? 20 : 12;
    const picture = filmed(cameras[scene], large ? 1280 : 640, large ? 720 : 360, 1280, rate);
    const sound = asked.audio ? (await real({ audio: asked.audio })).getTracks() : [];
    return new MediaStream([picture, ...sound]);
  };
  devices.getDisplayMedia = () =>
    Promise.resolve(
      new MediaStream([scene === "clock" ? filmed(time, 640, 360, 640, 20) : filmed(slide, 1920, 1080, 1920, 5)]),
    );
}
