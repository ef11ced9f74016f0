import { ArrowLeftOutlined, SoundOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams } from "react-router";
import { useNow, useStore, useTitle } from "../components/hooks";
import { TrackAudio } from "../components/media";
import { Programme } from "../components/Programme";
import { RecordingLamp } from "../components/RecordingLamp";
import { useErrorText } from "../components/Trouble";
import { type Live, useLive } from "../components/useLive";
import { materialOf, stageOf, teacherOf, trackOf } from "../live/room-state";
import { duration } from "../words/format";

/** Sees and hears a running lesson, unseen. */
export default function ObservePage() {
  const { lesson } = useParams();
  const live = useLive(lesson ?? "", "observer", [
    { who: "teacher", sources: [], height: 720, priority: 200 },
    { who: "stage", sources: [], height: 240, priority: 100 },
  ]);
  return live === null ? null : <Observe live={live} />;
}

function Observe({ live }: { live: Live }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const errorText = useErrorText();
  const { session } = live;
  const line = useStore(session.connection.state);
  const view = useStore(session.room);
  const remote = useStore(session.media.remote);
  const now = useNow(1000);
  const [blocked, setBlocked] = useState(false);
  const room = view?.room;
  useTitle(room?.lesson.title ?? t("observe.title"));
  const teacher = room === undefined ? undefined : teacherOf(room);
  const stage = room === undefined ? [] : stageOf(room);
  const media = (track: string | undefined): MediaStreamTrack | null =>
    track === undefined ? null : (remote.get(track)?.media ?? null);
  const sounds = [...remote.values()].filter((track) => track.media.kind === "audio");
  const camera = trackOf(teacher, "camera");
  const over = room?.lesson.state === "ended" || room?.lesson.state === "archived";
  return (
    <div className="observe" data-scheme="dark">
      <header className="live-head">
        <Link to="/lessons" className="live-back" aria-label={t("observe.back")}>
          <ArrowLeftOutlined />
        </Link>
        <h1 className="live-title one-line" title={room?.lesson.title}>
          {room === undefined
            ? t("observe.title")
            : `${room.lesson.subject} ${room.lesson.grade} · ${room.lesson.title} · ${room.lesson.teacher}`}
        </h1>
        {room?.lesson.live_since && !over && (
          <span className="live-tag">
            <i aria-hidden="true" className="live-dot" />
            {t("live.isLive")} {duration(now + (view?.clockOffsetMs ?? 0) - Date.parse(room.lesson.live_since))}
          </span>
        )}
        {room !== undefined && <RecordingLamp recording={room.recording} known={line.kind === "up"} />}
        <span className="quiet wide-only">{t("observe.unseen")}</span>
        {blocked && (
          <Button icon={<SoundOutlined />} type="primary">
            {t("observe.sound")}
          </Button>
        )}
      </header>
      {(line.kind === "lost" || line.kind === "stopped") && (
        <p role="status" className="live-banner">
          {line.kind === "lost" ? t("live.lost", { time: duration(now - line.since) }) : errorText(line.code)}
          {line.kind === "stopped" && <Button onClick={live.again}>{t("error.takeOver")}</Button>}
        </p>
      )}
      {over && (
        <p role="status" className="live-banner">
          {t("live.ended")}{" "}
          <Button onClick={() => void navigate(`/library/${room.lesson.id}`)}>{t("live.watchReplay")}</Button>
        </p>
      )}
      <main className="observe-main">
        <Programme
          material={media(materialOf(teacher)?.id)}
          camera={camera?.flowing === true ? media(camera.id) : null}
          cameraName={teacher?.name ?? ""}
          materialName={t("live.screen")}
          stage={stage.map((peer) => ({ id: peer.id, name: peer.name, media: media(trackOf(peer, "camera")?.id) }))}
          empty={t("observe.waiting")}
        />
      </main>
      {sounds.map((track) => (
        <TrackAudio key={track.track} media={track.media} blocked={setBlocked} />
      ))}
    </div>
  );
}
