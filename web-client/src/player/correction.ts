/** Within this the eye sees two pictures in step. */
const IN_STEP_S = 0.04;
/** Beyond this a jump is less of a nuisance than catching up. */
const JUMP_S = 0.6;
const STRONGEST = 0.08;

/** What a follower does to be in step: jump to the master's time, or play at a multiple of the master's rate. */
export type Correction = { kind: "jump" } | { kind: "rate"; factor: number };

/** How to bring a follower in step that is `ahead` seconds ahead of the master (negative: behind). */
export function correction(ahead: number, playing: boolean): Correction {
  const off = Math.abs(ahead);
  if (off > JUMP_S || (!playing && off > IN_STEP_S)) return { kind: "jump" };
  if (off <= IN_STEP_S) return { kind: "rate", factor: 1 };
  const strength = Math.min(STRONGEST, off / 2);
  return { kind: "rate", factor: ahead > 0 ? 1 - strength : 1 + strength };
}

/** Whether `atMs` lies in one of the spans, each widened by `marginMs`. */
export function within(spans: readonly (readonly number[])[], atMs: number, marginMs: number): boolean {
  return spans.some(
    ([from, to]) => from !== undefined && to !== undefined && atMs >= from - marginMs && atMs <= to + marginMs,
  );
}
