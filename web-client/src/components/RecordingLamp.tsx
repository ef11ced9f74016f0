import { useTranslation } from "react-i18next";
import type { Recording } from "../generated/signal/Recording";
import { duration } from "../words/format";

/** Lit only while bytes are on disk and more are coming; says so otherwise. */
export function RecordingLamp({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const lit = recording.state === "recording" || recording.state === "disk_low";
  return (
    <span className="lamp" data-state={recording.state} role="status">
      <i aria-hidden="true" className="lamp-light" data-lit={lit} />
      {t(`recording.${recording.state}`)}
      {recording.duration_ms > 0 && <span className="lamp-time">{duration(recording.duration_ms)}</span>}
    </span>
  );
}
