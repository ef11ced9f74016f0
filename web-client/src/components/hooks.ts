import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { ApiError } from "../api/client";
import type { Store } from "../live/store";

/** A store's value, followed. */
export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** The time now, renewed every `ms`. */
export function useNow(ms = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

/** What a page loads. `loading` is true only while there is nothing to show yet. */
export interface Loaded<T> {
  data: T | null;
  error: ApiError | null;
  loading: boolean;
  reload: () => void;
}

/** Requests that failed for the line's sake are repeated after this time, by itself. */
const AGAIN_MS = 3_000;

/**
 * Loads, and loads again when `key` changes, every `everyMs` if given, and by itself after a failure of the line.
 * What was loaded before stays until the new is there.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs = 0): Loaded<T> {
  const [state, setState] = useState<{ key: string; data: T | null; error: ApiError | null }>({
    key: "",
    data: null,
    error: null,
  });
  const [round, setRound] = useState(0);
  const loader = useRef(load);
  useEffect(() => {
    loader.current = load;
  });
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (ms: number): void => {
      if (ms > 0) timer = setTimeout(() => setRound((value) => value + 1), ms);
    };
    loader
      .current(abort.signal)
      .then((data) => {
        setState({ key, data, error: null });
        again(everyMs);
      })
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        const refused = error instanceof ApiError ? error : new ApiError(0, "unreachable", String(error));
        setState((before) => ({ key, data: before.data, error: refused }));
        again(refused.status === 0 || refused.status >= 500 ? AGAIN_MS : everyMs);
      });
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, round, everyMs]);
  const reload = useCallback(() => setRound((value) => value + 1), []);
  return { data: state.data, error: state.error, loading: state.data === null && state.error === null, reload };
}

/** True once `waiting` has lasted 300 ms: a skeleton that flashes is worse than none. */
export function useLate(waiting: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!waiting) return;
    const timer = setTimeout(() => setLate(true), 300);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [waiting]);
  return late;
}

/** Names the browser's tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "同课 Tongke" : `${title} · 同课`;
  }, [title]);
}
