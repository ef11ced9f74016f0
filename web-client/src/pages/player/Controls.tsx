import {
  CaretRightFilled,
  FullscreenOutlined,
  LoadingOutlined,
  MutedOutlined,
  PauseOutlined,
  SoundOutlined,
} from "@ant-design/icons";
import { useTranslation } from "react-i18next";
import type { Chapter } from "../../api/client";
import { useStore } from "../../components/hooks";
import type { Playback } from "../../player/playback";
import { duration } from "../../words/format";
import { useChapterText } from "./Chapters";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];

interface ControlsProps {
  playback: Playback;
  lengthMs: number;
  chapters: Chapter[];
  running: boolean;
  fullscreen: () => void;
}

/** Timeline with the marks of chapters, and the buttons below it. */
export function Controls({ playback, lengthMs, chapters, running, fullscreen }: ControlsProps) {
  const { t } = useTranslation();
  const state = useStore(playback.state);
  const text = useChapterText();
  const share = (ms: number): string => `${((100 * ms) / Math.max(1, lengthMs)).toFixed(3)}%`;
  return (
    <div className="controls">
      <div className="timeline">
        <span className="timeline-buffered" style={{ width: share(Math.min(state.bufferedMs, lengthMs)) }} />
        <span className="timeline-played" style={{ width: share(Math.min(state.timeMs, lengthMs)) }} />
        {chapters.map((chapter) => (
          <span
            key={`${chapter.at_ms}-${chapter.kind}-${chapter.classroom ?? ""}`}
            className="timeline-mark"
            data-kind={chapter.kind}
            style={{ left: share(Math.min(chapter.at_ms, lengthMs)) }}
            title={text(chapter)}
          />
        ))}
        <input
          type="range"
          min={0}
          max={Math.max(1, lengthMs)}
          step={100}
          value={Math.min(state.timeMs, lengthMs)}
          aria-label={t("player.position")}
          aria-valuetext={`${duration(state.timeMs)} / ${duration(lengthMs)}`}
          onChange={(event) => playback.seek(Number(event.target.value))}
        />
      </div>
      <div className="control-row">
        <button
          type="button"
          className="control"
          aria-label={state.playing ? t("player.pause") : t("player.play")}
          onClick={() => playback.toggle()}
        >
          {state.buffering ? <LoadingOutlined /> : state.playing ? <PauseOutlined /> : <CaretRightFilled />}
        </button>
        <button
          type="button"
          className="control"
          aria-label={state.muted ? t("player.unmute") : t("player.mute")}
          aria-pressed={state.muted}
          onClick={() => playback.setVolume(state.volume, !state.muted)}
        >
          {state.muted ? <MutedOutlined /> : <SoundOutlined />}
        </button>
        <input
          type="range"
          className="volume"
          min={0}
          max={1}
          step={0.05}
          value={state.muted ? 0 : state.volume}
          aria-label={t("player.volume")}
          onChange={(event) => playback.setVolume(Number(event.target.value), false)}
        />
        <span className="control-time">
          {duration(state.timeMs)} / {duration(lengthMs)}
        </span>
        {running && (
          <button
            type="button"
            className="control control-live"
            data-on={state.atLive}
            onClick={() => playback.toLive()}
          >
            <i aria-hidden="true" className="live-dot" /> {state.atLive ? t("player.live") : t("player.toLive")}
          </button>
        )}
        <span className="control-gap" />
        <label className="control-speed">
          <span className="visually-hidden">{t("player.speed")}</span>
          <select value={state.rate} onChange={(event) => playback.setRate(Number(event.target.value))}>
            {SPEEDS.map((speed) => (
              <option key={speed} value={speed}>
                {speed}×
              </option>
            ))}
          </select>
        </label>
        <button type="button" className="control" aria-label={t("player.fullscreen")} onClick={fullscreen}>
          <FullscreenOutlined />
        </button>
      </div>
    </div>
  );
}
