import type { ConnectionSample } from "./health-monitor";

/** Of the frames that came, so many thrown away because the device is too slow are a sign. */
const DROPPED_SHARE = 0.25;
/** A frame that takes longer than this share of the time until the next is another. */
const BUSY_SHARE = 0.9;
/** Fewer frames tell nothing. */
const ENOUGH_FRAMES = 10;
/** So many samples in a row, 2 s apart, before less is asked for: a page that loads is slow for a moment. */
const SIGNS = 3;
/** What is asked for in lines when it was too much: half of the pixels. */
const LESS = 0.7;
const MORE = 1.4;
const LEAST = 180;
/** Beyond it there is no picture. */
const NO_BOUND = 2_160;
/** More is tried after so long without a sign; each try that failed doubles it. */
const PATIENCE_MS = 60_000;
const MOST_PATIENCE_MS = 16 * PATIENCE_MS;

/** A device of one core begins with this. */
const ONE_CORE = 720;

/**
 * How much a weak device decodes in time, in lines: as much as one picture of so many, all together; 0 is no bound. It is found by
 * what the browser throws away, lowered soon and raised slowly.
 */
export class DecodeBudget {
  #lines: number;
  #before: ConnectionSample | null = null;
  #signs = 0;
  #calmSince: number | null = null;
  #patience = PATIENCE_MS;
  #raised = false;

  constructor(cores: number) {
    this.#lines = cores === 1 ? ONE_CORE : 0;
  }

  get lines(): number {
    return this.#lines;
  }

  /** Takes a sample; whether the bound is another now. A page that is not shown throws frames away on purpose. */
  sample(now: number, sample: ConnectionSample | null, shown: boolean): boolean {
    const before = this.#before;
    this.#before = shown ? sample : null;
    if (before === null || sample === null || !shown) {
      this.#signs = 0;
      this.#calmSince = null;
      return false;
    }
    if (overloaded(before, sample)) {
      this.#calmSince = null;
      this.#signs += 1;
      return this.#signs >= SIGNS && this.#lower(sample);
    }
    this.#signs = 0;
    this.#calmSince ??= now;
    if (this.#lines === 0 || now - this.#calmSince < this.#patience) return false;
    this.#calmSince = now;
    const more = Math.round(this.#lines * MORE);
    this.#lines = more > NO_BOUND ? 0 : more;
    this.#raised = true;
    return true;
  }

  #lower(sample: ConnectionSample): boolean {
    this.#signs = 0;
    if (this.#raised) this.#patience = Math.min(MOST_PATIENCE_MS, this.#patience * 2);
    this.#raised = false;
    const area = [...sample.streams.values()].reduce((all, { height }) => all + height * height, 0);
    const shown = Math.round(Math.sqrt(area));
    const from = this.#lines === 0 ? shown : Math.min(this.#lines, shown);
    const lines = Math.max(LEAST, Math.round(from * LESS));
    if (from === 0 || lines === this.#lines) return false;
    this.#lines = lines;
    return true;
  }
}

function overloaded(before: ConnectionSample, sample: ConnectionSample): boolean {
  let decoded = 0;
  let dropped = 0;
  let busy = false;
  for (const [id, stream] of sample.streams) {
    const then = before.streams.get(id);
    if (stream.kind !== "video" || then === undefined) continue;
    const frames = stream.frames - then.frames;
    decoded += frames;
    dropped += stream.dropped - then.dropped;
    const each = (stream.decodeSeconds - then.decodeSeconds) / Math.max(1, frames);
    busy ||= frames >= ENOUGH_FRAMES && stream.framesPerSecond > 0 && each * stream.framesPerSecond > BUSY_SHARE;
  }
  const came = decoded + Math.max(0, dropped);
  return busy || (came >= ENOUGH_FRAMES && dropped > came * DROPPED_SHARE);
}
