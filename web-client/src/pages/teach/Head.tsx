import { ArrowLeftOutlined } from "@ant-design/icons";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useNow } from "../../components/hooks";
import { LanguageButton } from "../../components/LanguageButton";
import { RecordingLamp } from "../../components/RecordingLamp";
import type { RoomView } from "../../live/room-state";
import { clockTime, duration } from "../../words/format";

/** Which lesson, whether it is live and since when, whether it is recorded. */
export function Head({ view, connected }: { view: RoomView; connected: boolean }) {
  const { t } = useTranslation();
  const now = useNow(1000) + view.clockOffsetMs;
  const { lesson, recording, observers } = view.room;
  const live = lesson.state === "live";
  return (
    <header className="live-head">
      <Link
        to="/today"
        className="live-back"
        aria-label={t("live.toToday")}
        title={live ? t("live.leaveOpen") : undefined}
      >
        <ArrowLeftOutlined />
      </Link>
      <h1 className="live-title one-line" title={lesson.title}>
        {lesson.subject} {lesson.grade} · {lesson.title}
      </h1>
      {live ? (
        <span className="live-tag live-tag-large">
          <i aria-hidden="true" className="live-dot" />
          {t("live.isLive")}
          {lesson.live_since !== null && (
            <time aria-label={t("live.elapsed")}>{duration(now - Date.parse(lesson.live_since))}</time>
          )}
        </span>
      ) : (
        <span className="quiet">
          {t("live.notLive")} · {clockTime(lesson.starts_at)}–{clockTime(lesson.ends_at)}
        </span>
      )}
      <RecordingLamp recording={recording} known={connected} />
      {observers > 0 && <span className="quiet wide-only">{t("live.observers", { count: observers })}</span>}
      <LanguageButton ghost />
    </header>
  );
}
