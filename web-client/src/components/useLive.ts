import { useEffect, useState } from "react";
import { joinTokens } from "../api/join-token";
import type { WatchRule } from "../generated/signal/WatchRule";
import { systemClock } from "../live/clock";
import { Devices, localMemory, TEACHER_SIZES } from "../live/devices";
import { LiveSession, newInstance } from "../live/live-session";
import { TEACHER_ENCODINGS } from "../live/media-session";
import { Store } from "../live/store";
import { localLine } from "../live/relays";
import { signalTransport } from "../live/transport";
import { useStore } from "./hooks";

const instance = newInstance();

export interface Live {
  session: LiveSession;
  /** Null for those who only watch. */
  devices: Devices | null;
  /** Gives up this line and takes the seat anew, from whoever holds it. */
  again: () => void;
}

/** Takes part in a lesson while the page is shown. Devices are opened by the page, and closed with it. */
export function useLive(lesson: string, kind: "teacher" | "observer", watch: WatchRule[]): Live | null {
  const [live] = useState(() => new Store<Live | null>(null));
  const [round, setRound] = useState(0);
  const [rules] = useState(watch);
  useEffect(() => {
    const devices =
      kind === "teacher" ? new Devices(mediaDevices(), TEACHER_SIZES, localMemory("tongke.teacher.devices")) : null;
    const session = new LiveSession({
      clock: systemClock,
      random: Math.random,
      open: signalTransport("/signal"),
      createPeerConnection: (iceServers) => new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers }),
      token: joinTokens(lesson),
      instance,
      encodings: TEACHER_ENCODINGS,
      devices,
      watch: rules,
      line: localLine(),
      audioContext: () => new AudioContext(),
    });
    const nudge = (): void => session.connection.nudge();
    window.addEventListener("online", nudge);
    document.addEventListener("visibilitychange", nudge);
    live.set({ session, devices, again: () => setRound((value) => value + 1) });
    return () => {
      window.removeEventListener("online", nudge);
      document.removeEventListener("visibilitychange", nudge);
      session.close();
      devices?.close();
      live.set(null);
    };
  }, [lesson, kind, rules, round, live]);
  return useStore(live);
}

function mediaDevices(): MediaDevices | undefined {
  // On pages that are not secure the property is missing, whatever its type says.
  return (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
}
