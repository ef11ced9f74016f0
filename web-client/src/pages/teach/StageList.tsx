import { AudioMutedOutlined, AudioOutlined, DownCircleOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useStore } from "../../components/hooks";
import type { Peer } from "../../generated/signal/Peer";
import type { LiveSession } from "../../live/live-session";
import type { Teach } from "./useTeach";

interface StageListProps {
  session: LiveSession;
  stage: Peer[];
  carryOut: Teach["carryOut"];
}

/** Who is heard and seen by all, with the way to mute them and take them off. */
export function StageList({ session, stage, carryOut }: StageListProps) {
  const { t } = useTranslation();
  useStore(session.room);
  return (
    <section className="stage-list" aria-label={t("live.stage")}>
      <h2>{t("live.stage")}</h2>
      {stage.length === 0 ? (
        <p className="quiet">{t("live.stageEmpty")}</p>
      ) : (
        <ul className="plain-list">
          {stage.map((peer) => (
            <li key={peer.id} className="stage-row">
              <span className="stage-name one-line" title={`${peer.school} ${peer.name}`}>
                {peer.name}
              </span>
              <Level level={peer.silenced ? 0 : peer.report.microphone_level} />
              <Button
                icon={peer.silenced ? <AudioMutedOutlined /> : <AudioOutlined />}
                onClick={() => void carryOut({ do: "silence", peer: peer.id, on: !peer.silenced })}
                aria-pressed={peer.silenced}
              >
                {peer.silenced ? t("live.unmute") : t("live.mute")}
              </Button>
              <Button
                icon={<DownCircleOutlined />}
                onClick={() => void carryOut({ do: "stage", peer: peer.id, on: false })}
              >
                {t("live.offStage")}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** A level of 0 to 100 as bars. */
export function Level({ level }: { level: number }) {
  return (
    <span className="level" aria-hidden="true">
      {[10, 25, 40, 55, 70, 85].map((step) => (
        <i key={step} data-on={level >= step} />
      ))}
    </span>
  );
}
