import {
  AudioMutedOutlined,
  CheckCircleOutlined,
  ClockCircleOutlined,
  DisconnectOutlined,
  EyeInvisibleOutlined,
  LoadingOutlined,
  LogoutOutlined,
  MessageOutlined,
  MinusCircleOutlined,
  QuestionCircleFilled,
  SoundOutlined,
  UpCircleOutlined,
  DownCircleOutlined,
  WifiOutlined,
  VideoCameraOutlined,
} from "@ant-design/icons";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "../../components/Icon";
import { TrackVideo } from "../../components/media";
import type { Peer } from "../../generated/signal/Peer";
import { isByTcp, isDelayed, type Mark, markOf } from "../../live/wall";
import { duration } from "../../words/format";
import type { Teach } from "./useTeach";

const ICONS: Record<Mark["kind"], ReactNode> = {
  help: <QuestionCircleFilled />,
  hand: <Icon name="hand" />,
  lost: <DisconnectOutlined />,
  delayed: <ClockCircleOutlined />,
  noMedia: <LoadingOutlined />,
  noSound: <SoundOutlined />,
  noPicture: <EyeInvisibleOutlined />,
  weak: <WifiOutlined />,
  silenced: <AudioMutedOutlined />,
  muted: <AudioMutedOutlined />,
  camera: <VideoCameraOutlined />,
  left: <LogoutOutlined />,
  expected: <MinusCircleOutlined />,
  good: <CheckCircleOutlined />,
};

/** The one mark of a classroom: icon, word and colour. */
export function MarkLabel({ peer, now }: { peer: Peer; now: number }) {
  const { t } = useTranslation();
  const mark = markOf(peer);
  const word =
    mark.kind === "hand"
      ? t("mark.hand", { place: mark.place })
      : mark.kind === "lost"
        ? t("mark.lost", { time: mark.since === null ? "" : duration(now - mark.since) })
        : t(`mark.${mark.kind}`);
  return (
    <span className="mark" data-mark={mark.kind}>
      {ICONS[mark.kind]} {word}
    </span>
  );
}

interface TileProps {
  peer: Peer;
  media: MediaStreamTrack | null;
  /** The key that brings it on stage. */
  number: number | null;
  now: number;
  live: boolean;
  carryOut: Teach["carryOut"];
  message: () => void;
}

/** One classroom: picture, name, mark; actions on hover or focus. */
export function Tile({ peer, media, number, now, live, carryOut, message }: TileProps) {
  const { t } = useTranslation();
  const here = peer.presence === "present" || peer.presence === "no_media";
  const flowing = here && media !== null && peer.tracks.some((track) => track.source === "camera" && track.flowing);
  return (
    <li className="tile" data-stage={peer.on_stage} data-here={here} data-peer={peer.id}>
      <div className="tile-picture">
        {flowing ? (
          <TrackVideo media={media} name={peer.name} />
        ) : (
          <span className="tile-none">{peer.name.slice(0, 1)}</span>
        )}
        <MarkLabel peer={peer} now={now} />
        {number !== null && <kbd className="tile-key">{number}</kbd>}
        {peer.on_stage && <span className="tile-stage">{t("mark.stage")}</span>}
        {isByTcp(peer) && (
          <span className="tile-way" title={t("live.tcpWhy")}>
            {t("live.tcp")}
          </span>
        )}
        <div className="tile-actions">
          {isDelayed(peer) && !peer.on_stage ? (
            <span className="tile-why" title={t("live.delayedWhy")}>
              {t("live.delayed")}
            </span>
          ) : (
            <button
              type="button"
              disabled={!live}
              onClick={() => void carryOut({ do: "stage", peer: peer.id, on: !peer.on_stage })}
            >
              {peer.on_stage ? <DownCircleOutlined /> : <UpCircleOutlined />}{" "}
              {peer.on_stage ? t("live.offStage") : t("live.onStage")}
            </button>
          )}
          {peer.on_stage && (
            <button type="button" onClick={() => void carryOut({ do: "silence", peer: peer.id, on: !peer.silenced })}>
              <AudioMutedOutlined /> {peer.silenced ? t("live.unmute") : t("live.mute")}
            </button>
          )}
          {peer.hand !== undefined && (
            <button type="button" onClick={() => void carryOut({ do: "hand", up: false, peer: peer.id })}>
              {t("live.lowerHand")}
            </button>
          )}
          <button type="button" onClick={message}>
            <MessageOutlined /> {t("live.message")}
          </button>
        </div>
      </div>
      <div className="tile-name" title={`${peer.school} ${peer.name}`}>
        <strong className="one-line">{peer.name}</strong>
        <span className="one-line quiet">{peer.school}</span>
      </div>
    </li>
  );
}
