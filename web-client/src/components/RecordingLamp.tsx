import { useTranslation } from "react-i18next";
import type { Recording } from "../generated/signal/Recording";
import { duration } from "../words/format";

/** Lit only while bytes are on disk and more are coming; says so otherwise. Without a line nobody knows. */
export function RecordingLamp({ recording, known = true }: { recording: Recording; known?: boolean }) {
  const { t } = useTranslation();
  if (!known)
    return (
      <span className="lamp quiet" role="status">
        <i aria-hidden="true" className="lamp-light" data-lit={false} />
        {t("recording.unknown")}
      </span>
    );
  const lit = recording.state === "recording" || recording.state === "disk_low";
  return (
    <span className="lamp" data-state={recording.state} role="status">
      <i aria-hidden="true" className="lamp-light" data-lit={lit} />
      {t(`recording.${recording.state}`)}
      {recording.duration_ms > 0 && <span className="lamp-time">{duration(recording.duration_ms)}</span>}
    </span>
  );
}
