import { ArrowLeftOutlined } from "@ant-design/icons";
import { Button, Result } from "antd";
import Hls from "hls.js";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { api, type Replay, type ReplayTrack } from "../../api/client";
import { useLoad, useStore, useTitle } from "../../components/hooks";
import { LessonState } from "../../components/LessonState";
import { Trouble, Waiting } from "../../components/Trouble";
import { within } from "../../player/correction";
import { Playback } from "../../player/playback";
import { clockTime, day, duration } from "../../words/format";
import { Chapters } from "./Chapters";
import { Controls } from "./Controls";
import { useKeys } from "./keys";

/** Plays a recorded lesson: the teacher and the material in step, those on stage while they were. */
export default function PlayerPage() {
  const { lesson } = useParams();
  const id = lesson ?? "";
  // The chapters and the length of a running lesson grow; a recording that is being closed turns into a whole one.
  const { data, error, reload } = useLoad(id, (signal) => api.recording(id, signal), 10_000);
  if (data === null) return error !== null ? <Trouble whole error={error} retry={reload} /> : <Waiting rows={10} />;
  // Addresses are signed anew with each answer: the player keeps the first ones while the kind stays the same.
  const kind = `${data.lesson.id}-${data.state === "finished" ? "whole" : "running"}-${data.tracks.map((track) => track.key).join()}`;
  return <Player key={kind} replay={data} />;
}

function Player({ replay }: { replay: Replay }) {
  const { t } = useTranslation();
  const [tracks] = useState(replay.tracks);
  const [masterUrl] = useState(replay.master_url);
  const running = replay.state !== "finished";
  const playback = useMemo(() => new Playback({ Hls, live: running }), [running]);
  const state = useStore(playback.state);
  const whole = useRef<HTMLDivElement>(null);
  useTitle(replay.lesson.title);
  const fullscreen = (): void => {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else void whole.current?.requestFullscreen();
  };
  useKeys(playback, fullscreen);
  const length = Math.max(state.durationMs, replay.duration_ms);
  const when = replay.lesson.live_since ?? replay.lesson.starts_at;
  return (
    <>
      <div className="player-head">
        <Link to="/library" aria-label={t("player.back")} className="player-back">
          <ArrowLeftOutlined />
        </Link>
        <div className="player-title">
          <h1 className="two-lines" title={replay.lesson.title}>
            {replay.lesson.title}
          </h1>
          <p className="quiet one-line">
            {replay.lesson.subject} · {replay.lesson.grade} · {replay.lesson.teacher} · {replay.lesson.school.name} ·{" "}
            {day(when)} {clockTime(when)} · {duration(length)}
          </p>
        </div>
        {running && <LessonState state={replay.lesson.state} />}
      </div>
      <div className="player">
        <div className="player-screen" ref={whole} data-scheme="dark">
          {tracks.length === 0 ? (
            <Result status="info" title={t("player.noTracks")} />
          ) : (
            <Pictures playback={playback} tracks={tracks} masterUrl={masterUrl} timeMs={state.timeMs} />
          )}
          {state.error !== null && (
            <div className="player-error" role="alert">
              <p>{t("player.failed", { code: state.error })}</p>
              <p>{t("player.failedHint")}</p>
              <Button onClick={() => playback.retry()}>{t("error.retry")}</Button>
            </div>
          )}
          <Controls
            playback={playback}
            lengthMs={length}
            chapters={replay.chapters}
            running={running}
            fullscreen={fullscreen}
          />
        </div>
        <Chapters chapters={replay.chapters} timeMs={state.timeMs} go={(at) => playback.seek(at)} />
      </div>
    </>
  );
}

/** Before a span begins its streams are fetched, so that they are there in time. */
const AHEAD_MS = 4_000;

interface PicturesProps {
  playback: Playback;
  tracks: ReplayTrack[];
  masterUrl: string;
  timeMs: number;
}

function Pictures({ playback, tracks, masterUrl, timeMs }: PicturesProps) {
  const { t } = useTranslation();
  const teachers = tracks.filter((track) => track.key.startsWith("teacher"));
  // The master playlist carries the teacher's sound and this picture.
  const pictures = (list: ReplayTrack[]): ReplayTrack[] => list.filter((track) => track.kind === "video");
  const main =
    teachers.find((track) => track.source === "camera") ?? pictures(teachers)[0] ?? pictures(tracks)[0] ?? null;
  const material = teachers.filter((track) => track.kind === "video" && track !== main);
  const guests = tracks.filter((track) => !track.key.startsWith("teacher") && track !== main);
  const shown = guests.filter((track) => track.kind === "video" && within(track.spans, timeMs, 0));
  const loaded = guests.filter((track) => within(track.spans, timeMs, AHEAD_MS));
  const sound = teachers.filter((track) => track.source === "screen_audio");
  const materialNow = material.find((track) => within(track.spans, timeMs, 0));
  const [chosen, setChosen] = useState<string | null>(null);
  const visible = [main, ...material.filter((track) => within(track.spans, timeMs, 0)), ...shown].map(
    (track) => track?.key,
  );
  const large = chosen !== null && visible.includes(chosen) ? chosen : (materialNow?.key ?? main?.key ?? "");
  const name = (track: ReplayTrack): string =>
    track.source === "screen" || track.source === "document" || track.key.startsWith("teacher")
      ? t(`player.${track.source === "screen" ? "screen" : track.source === "document" ? "document" : "camera"}`)
      : track.name;
  const place = (key: string): "main" | "side" | "hidden" =>
    key === large ? "main" : visible.includes(key) ? "side" : "hidden";
  return (
    <div className="pictures" data-sides={visible.length > 1 ? "yes" : "no"}>
      <Picture
        key="master"
        name={main === null ? "" : name(main)}
        trackKey={main?.key ?? "master"}
        place={main === null ? "main" : place(main.key)}
        attach={(element) => playback.attachMaster(element, masterUrl)}
        choose={() => setChosen(main?.key ?? null)}
        toggle={() => playback.toggle()}
      />
      {[...material, ...loaded.filter((track) => track.kind === "video")].map((track) => (
        <Picture
          key={track.key}
          name={name(track)}
          trackKey={track.key}
          place={place(track.key)}
          attach={(element) => playback.attachFollower(element, track.playlist_url)}
          choose={() => setChosen(track.key)}
          toggle={() => playback.toggle()}
        />
      ))}
      {[...sound, ...loaded.filter((track) => track.kind === "audio")].map((track) => (
        <Sound key={track.key} attach={(element) => playback.attachFollower(element, track.playlist_url)} />
      ))}
    </div>
  );
}

interface PictureProps {
  name: string;
  trackKey: string;
  place: "main" | "side" | "hidden";
  attach: (element: HTMLMediaElement) => () => void;
  choose: () => void;
  toggle: () => void;
}

function Picture({ name, trackKey, place, attach, choose, toggle }: PictureProps) {
  const { t } = useTranslation();
  const video = useAttached<HTMLVideoElement>(attach);
  return (
    <figure className="picture" data-place={place} data-track={trackKey}>
      <video ref={video} playsInline aria-label={t("player.of", { name })} />
      {place === "main" ? (
        <button type="button" className="picture-press" tabIndex={-1} aria-label={t("player.play")} onClick={toggle} />
      ) : (
        <button type="button" className="picture-press" aria-label={t("player.swap", { name })} onClick={choose} />
      )}
      <figcaption className="one-line">{name}</figcaption>
    </figure>
  );
}

function Sound({ attach }: { attach: (element: HTMLMediaElement) => () => void }) {
  return <audio ref={useAttached<HTMLAudioElement>(attach)} />;
}

/** Attaches once the element is there, and takes it off with the element. */
function useAttached<T extends HTMLMediaElement>(attach: (element: T) => () => void) {
  const element = useRef<T>(null);
  const latest = useRef(attach);
  useEffect(() => (element.current === null ? undefined : latest.current(element.current)), []);
  return element;
}
