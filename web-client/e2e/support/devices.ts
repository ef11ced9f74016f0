import { open, writeFile } from "node:fs/promises";

const RATE = 16_000;
const SECONDS = 10;
/** Syllables a second. */
const PACE = 4;
/** Formants of five vowels, in Hz. */
const VOWELS = [
  [700, 1200],
  [400, 2000],
  [300, 2300],
  [500, 900],
  [350, 700],
] as const;

/** Writes a WAV file of somebody who speaks without a pause: each moment of it is sound that can be missed. */
export async function writeVoice(file: string): Promise<void> {
  const samples = Int16Array.from({ length: RATE * SECONDS }, (_, at) => 32_767 * voice(at / RATE));
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.byteLength, 40);
  await writeFile(file, Buffer.concat([header, Buffer.from(samples.buffer)]));
}

/** The sound at a time: harmonics of a pitch that goes up and down, louder near the formants of the syllable's vowel. */
function voice(seconds: number): number {
  const syllable = Math.floor(seconds * PACE);
  const formants = VOWELS[(syllable * 3) % VOWELS.length] ?? VOWELS[0];
  const loud = 0.35 + 0.65 * Math.sin(Math.PI * (seconds * PACE - syllable));
  // The integral of a pitch of 140 Hz that sways by 30 Hz.
  const turns = 140 * seconds - (30 / (2 * Math.PI * 0.8)) * Math.cos(2 * Math.PI * 0.8 * seconds);
  let sum = 0;
  for (let harmonic = 1; harmonic <= 20; harmonic++) {
    const near = formants.reduce((gain, formant) => gain + Math.exp(-(((140 * harmonic - formant) / 150) ** 2)), 0.05);
    sum += near * Math.sin(2 * Math.PI * harmonic * turns);
  }
  return Math.max(-1, Math.min(1, 0.25 * loud * sum));
}

const WIDTH = 1280;
const HEIGHT = 720;
/** Pictures a second, and as many in all: the file begins again. */
const FPS = 25;
/** How far the picture is moved by its end, and back. */
const SWAY = 10;

/**
 * Writes a Y4M file of 25 pictures a second with so much in each that an encoder needs all of the 1.5 Mbit/s it is given: a
 * textured wall that sways, and noise as a cheap camera has.
 */
export async function writeCamera(file: string): Promise<void> {
  const chance = mulberry(1);
  const wall = Uint8Array.from({ length: (WIDTH + SWAY) * HEIGHT }, (_, at) => {
    const x = at % (WIDTH + SWAY);
    const y = Math.floor(at / (WIDTH + SWAY));
    return 110 + 40 * Math.sin(x / 31) * Math.sin(y / 23) + 20 * Math.sin((x + 2 * y) / 17) + 12 * chance();
  });
  const colours = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  const output = await open(file, "w");
  await output.write(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FPS}:1 Ip A1:1 C420\n`);
  for (let frame = 0; frame < FPS; frame++) {
    const shift = Math.round((SWAY / 2) * (1 - Math.cos((2 * Math.PI * frame) / FPS)));
    const light = Buffer.alloc(WIDTH * HEIGHT);
    for (let y = 0; y < HEIGHT; y++)
      for (let x = 0; x < WIDTH; x++)
        light[y * WIDTH + x] = (wall[y * (WIDTH + SWAY) + x + shift] ?? 0) + NOISE * chance();
    await output.write("FRAME\n");
    await output.write(light);
    await output.write(colours);
  }
  await output.close();
}

/** Grey values that are chance alone. */
const NOISE = 4;

/** Numbers from 0 to 1 by chance, the same from the same seed. */
function mulberry(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
