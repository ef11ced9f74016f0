import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useNow, useStore } from "../../components/hooks";
import type { Devices } from "../../live/devices";
import type { LiveSession } from "../../live/live-session";
import { duration } from "../../words/format";

interface BannersProps {
  session: LiveSession;
  devices: Devices;
  blocked: boolean;
  live: boolean;
}

/** At most one line of what is wrong now, the most important one, with what to do. */
export function Banners({ session, devices, blocked, live }: BannersProps) {
  const { t } = useTranslation();
  const line = useStore(session.connection.state);
  const media = useStore(session.media.state);
  const view = useStore(session.room);
  const local = useStore(devices.state);
  const publishing = useStore(session.publishing);
  const now = useNow(1000);
  const recording = view?.room.recording.state;
  if (line.kind !== "up")
    return (
      <p role="alert" className="live-banner" data-level="lost">
        <strong>
          {line.kind === "lost" ? t("live.lost", { time: duration(now - line.since) }) : t("live.connecting")}
        </strong>{" "}
        {t("live.lostHint")}
      </p>
    );
  if (live && (media.kind === "disturbed" || media.kind === "failed"))
    return (
      <p role="alert" className="live-banner" data-level="lost">
        <strong>{t("live.mediaLost")}</strong> {t("live.lostHint")}
      </p>
    );
  if (recording === "disk_full" || recording === "failed" || recording === "disk_low")
    return (
      <p role="alert" className="live-banner" data-level={recording === "disk_low" ? "weak" : "lost"}>
        <strong>{t(`recording.${recording}`)}</strong> {t(`recordingHelp.${recording}`)}
      </p>
    );
  if (devices.choice.screenOn === true && local.screen.state === "off")
    return (
      <p role="status" className="live-banner" data-level="weak">
        {t("live.screenAgain")}{" "}
        <Button size="small" type="primary" onClick={() => void devices.startScreen()}>
          {t("live.shareAgain")}
        </Button>
        <Button size="small" onClick={() => devices.stop("screen")}>
          {t("live.stopScreen")}
        </Button>
      </p>
    );
  if (blocked)
    return (
      <p role="status" className="live-banner" data-level="weak">
        <Button size="small" type="primary">
          {t("observe.sound")}
        </Button>
      </p>
    );
  if (live && publishing.muted)
    return (
      <p role="status" className="live-banner" data-level="weak">
        {t("live.micClosed")}
      </p>
    );
  return null;
}
