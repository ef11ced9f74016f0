import { App } from "antd";
import { useCallback, useEffect, useRef, useState } from "react";
import { useErrorText } from "../../components/Trouble";
import type { Action } from "../../generated/signal/Action";
import type { Devices } from "../../live/devices";
import type { LiveSession } from "../../live/live-session";
import { ActionError } from "../../live/signal-connection";

/** The second press that ends a lesson counts between these times after the first. */
const DELIBERATE_MS = 400;
const ARMED_MS = 5_000;

/** What the teacher can do, with keys; refusals are shown. */
export interface Teach {
  carryOut: (action: Action) => Promise<boolean>;
  toggleMute: () => void;
  toggleCamera: () => void;
  toggleScreen: () => void;
  toggleDocument: () => void;
  /** First press arms, the second ends. */
  end: () => void;
  endArmed: boolean;
}

export function useTeach(session: LiveSession, devices: Devices): Teach {
  const { message } = App.useApp();
  const errorText = useErrorText();
  const [endArmed, setEndArmed] = useState(false);
  const armedAt = useRef(0);
  const carryOut = useCallback(
    async (action: Action): Promise<boolean> => {
      try {
        await session.act(action);
        return true;
      } catch (error) {
        message.error(errorText(error instanceof ActionError ? error.code : "internal"));
        return false;
      }
    },
    [session, message, errorText],
  );
  useEffect(() => {
    if (!endArmed) return;
    const timer = setTimeout(() => setEndArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [endArmed]);
  const toggle = (source: "screen" | "document", start: () => Promise<void>): void => {
    if (devices.state.get()[source].state === "on") devices.stop(source);
    else void start();
  };
  return {
    carryOut,
    toggleMute: () => session.publishing.patch({ muted: !session.publishing.get().muted }),
    toggleCamera: () => session.publishing.patch({ cameraOff: !session.publishing.get().cameraOff }),
    toggleScreen: () => toggle("screen", () => devices.startScreen()),
    toggleDocument: () => toggle("document", () => devices.startDocument()),
    end: () => {
      const now = Date.now();
      if (endArmed && now - armedAt.current < DELIBERATE_MS) return;
      if (!endArmed) {
        armedAt.current = now;
        setEndArmed(true);
        return;
      }
      setEndArmed(false);
      void carryOut({ do: "end" });
    },
    endArmed,
  };
}

/** Calls the action of a key, unless somebody is typing. */
export function useShortcuts(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (target?.closest("input:not([type=radio]), textarea, select, [role=combobox], [role=dialog]")) return;
      const action = latest.current[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}
