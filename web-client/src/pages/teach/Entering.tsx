import { Spin } from "antd";
import { useTranslation } from "react-i18next";
import { useLate, useNow, useStore } from "../../components/hooks";
import type { LiveSession } from "../../live/live-session";
import { duration } from "../../words/format";

/** A line that is not up after this time is worth an explanation. */
const SLOW_MS = 4_000;

/** Until the first state of the room is there. */
export function Entering({ session }: { session: LiveSession }) {
  const { t } = useTranslation();
  const line = useStore(session.connection.state);
  const now = useNow(1000);
  const late = useLate(true);
  const slow = line.kind === "connecting" && now - line.since > SLOW_MS;
  return (
    <main className="notice" data-scheme="dark">
      <div className="entering" data-late={late}>
        <Spin spinning={late} size="large" />
        <h1>{t("live.connecting")}</h1>
        {slow && (
          <p role="status">
            {t("error.offline")} · {duration(now - line.since)}
          </p>
        )}
      </div>
    </main>
  );
}
