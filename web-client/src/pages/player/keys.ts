import { useEffect } from "react";
import type { Playback } from "../../player/playback";

/** One frame of most recordings. */
const FRAME_MS = 40;

/** The keys of a video site, wherever the focus is but in a field. */
export function useKeys(playback: Playback, fullscreen: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (target?.closest("input:not([type=range]), textarea, select, [role=combobox]")) return;
      // A button or link that has the focus keeps its own space bar.
      if (event.key === " " && target?.closest("button, a")) return;
      const { volume, muted } = playback.state.get();
      const keys: Record<string, () => void> = {
        " ": () => playback.toggle(),
        k: () => playback.toggle(),
        j: () => playback.skip(-10_000),
        l: () => playback.skip(10_000),
        ArrowLeft: () => playback.skip(-5_000),
        ArrowRight: () => playback.skip(5_000),
        ",": () => {
          playback.pause();
          playback.skip(-FRAME_MS);
        },
        ".": () => {
          playback.pause();
          playback.skip(FRAME_MS);
        },
        m: () => playback.setVolume(volume, !muted),
        f: fullscreen,
      };
      const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", pressed, { capture: true });
    return () => window.removeEventListener("keydown", pressed, { capture: true });
  }, [playback, fullscreen]);
}
