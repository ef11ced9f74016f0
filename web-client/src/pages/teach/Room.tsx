import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate, useParams } from "react-router";
import { useStore, useTitle } from "../../components/hooks";
import { TrackAudio } from "../../components/media";
import type { Devices } from "../../live/devices";
import type { LiveSession } from "../../live/live-session";
import { stageOf } from "../../live/room-state";
import { classroomsOf } from "../../live/wall";
import { Banners } from "./Banners";
import { Check } from "./Check";
import { Desk } from "./Desk";
import { Entering } from "./Entering";
import { Head } from "./Head";
import { Over, Stopped } from "./Over";
import { Preview } from "./Preview";
import { StageList } from "./StageList";
import { useTeach } from "./useTeach";
import { Wall } from "./Wall";

/** With so few classrooms their wall gets less room, and what they see gets more. */
const FEW = 12;

interface RoomProps {
  session: LiveSession;
  devices: Devices;
  again: () => void;
}

/** One page for the check and for the lesson: left what classrooms see, right the wall, at the foot the desk. */
export function Room({ session, devices, again }: RoomProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { lesson } = useParams();
  const line = useStore(session.connection.state);
  const view = useStore(session.room);
  const remote = useStore(session.media.remote);
  const publishing = useStore(session.publishing);
  const [blocked, setBlocked] = useState(false);
  const teach = useTeach(session, devices);
  const state = view?.room.lesson.state;
  const live = state === "live";
  useTitle(view?.room.lesson.title ?? t("live.check"));

  useEffect(() => {
    void devices.startCamera();
    void devices.startMicrophone();
    if (devices.choice.documentOn === true) void devices.startDocument();
  }, [devices]);
  // Once the lesson is live its teacher publishes: after the click as well as after a reload or a crash.
  useEffect(() => {
    if (session.publishing.get().on !== live) session.publishing.patch({ on: live });
  }, [session, live, publishing]);

  // Whoever loads the page after the end is told so, as they are who were there.
  const over = line.kind === "stopped" && (line.code === "ended" || line.code === "cancelled") ? line.code : state;
  if (over === "ended" || over === "archived" || over === "cancelled")
    return (
      <Over
        lesson={view?.room.lesson.id ?? lesson ?? ""}
        recordedMs={view?.room.recording.duration_ms ?? 0}
        cancelled={over === "cancelled"}
      />
    );
  if (line.kind === "stopped") return <Stopped code={line.code} again={again} home={() => void navigate("/today")} />;
  if (view === null) return <Entering session={session} />;
  const classrooms = classroomsOf(view.room.peers);
  const sounds = [...remote.values()].filter((track) => track.media.kind === "audio");
  return (
    <div className="teach" data-scheme="dark">
      <Head view={view} connected={line.kind === "up"} />
      <Banners session={session} devices={devices} blocked={blocked} live={live} />
      <main className="teach-main" data-few={live && classrooms.length <= FEW}>
        <section className="teach-left" aria-label={t("live.programme")}>
          <Preview session={session} devices={devices} room={view.room} />
          {live ? (
            <StageList session={session} stage={stageOf(view.room)} carryOut={teach.carryOut} />
          ) : (
            <Check session={session} devices={devices} />
          )}
        </section>
        <Wall session={session} classrooms={classrooms} live={live} teach={teach} />
      </main>
      <Desk session={session} devices={devices} live={live} teach={teach} />
      {sounds.map((track) => (
        <TrackAudio key={track.track} media={track.media} blocked={setBlocked} />
      ))}
    </div>
  );
}
