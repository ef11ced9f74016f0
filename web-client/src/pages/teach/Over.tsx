import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useErrorText } from "../../components/Trouble";
import type { StopCode } from "../../live/signal-connection";
import { duration } from "../../words/format";
import { Notice } from "./Notice";

/** After the lesson. */
export function Over({ lesson, recordedMs, cancelled }: { lesson: string; recordedMs: number; cancelled: boolean }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const recorded = recordedMs > 0 ? t("live.endedRecorded", { duration: duration(recordedMs) }) : "";
  return (
    <Notice
      good={!cancelled}
      title={cancelled ? t("error.cancelled") : t("live.ended")}
      text={cancelled ? "" : `${t("live.endedHint")} ${recorded}`}
      actions={[
        ...(cancelled ? [] : [{ name: t("live.watchReplay"), act: () => void navigate(`/library/${lesson}`) }]),
        { name: t("live.toToday"), act: () => void navigate("/today") },
      ]}
    />
  );
}

/** The server ended this page's part in the lesson. */
export function Stopped({ code, again, home }: { code: StopCode; again: () => void; home: () => void }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const signIn = code === "signed_out" || code === "version";
  return (
    <Notice
      title={t("error.title")}
      text={errorText(code)}
      code={code}
      actions={[
        signIn
          ? { name: t("error.reload"), act: () => window.location.reload() }
          : { name: t(code === "seat_taken" ? "error.takeOver" : "error.retry"), act: again },
        { name: t("live.toToday"), act: home },
      ]}
    />
  );
}
