import { LeftOutlined, RightOutlined } from "@ant-design/icons";
import { App, Button, Segmented } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useStore } from "../../components/hooks";
import type { Peer } from "../../generated/signal/Peer";
import type { WatchRule } from "../../generated/signal/WatchRule";
import type { LiveSession } from "../../live/live-session";
import { trackOf } from "../../live/room-state";
import { filtered, frontOf, isDelayed, presentCount, type WallFilter } from "../../live/wall";
import { MessageDialog } from "./MessageDialog";
import { MarkLabel, Tile } from "./Tile";
import { type Teach, useShortcuts } from "./useTeach";

const TILE_MIN_WIDTH = 150;
const TILE_MAX_WIDTH = 420;
const TILE_GAP = 8;
/** A tile's height is its width by 9/16 and its name below. */
const TILE_FOOT = 52;
/** One of those in front: its mark, and enough of its name to tell it from others. */
const FRONT_WIDTH = 200;

interface WallProps {
  session: LiveSession;
  classrooms: Peer[];
  live: boolean;
  teach: Teach;
}

/** The wall of classrooms: each at its place; those with a hand or trouble are also listed in front. */
export function Wall({ session, classrooms, live, teach }: WallProps) {
  const { t } = useTranslation();
  const { message: say } = App.useApp();
  const remote = useStore(session.media.remote);
  const [filter, setFilter] = useState<WallFilter>("all");
  const [asked, setPage] = useState(0);
  const [addressee, setAddressee] = useState<Peer | "all" | null>(null);
  const { grid, columns, perPage, inFront } = usePageSize(classrooms.length);
  const list = filtered(classrooms, filter);
  const pages = Math.max(1, Math.ceil(list.length / perPage));
  const page = Math.min(asked, pages - 1);
  const shown = list.slice(page * perPage, (page + 1) * perPage);
  const front = frontOf(classrooms);
  const toggle = (peer: Peer): void => {
    if (isDelayed(peer) && !peer.on_stage) void say.info(t("live.delayedWhy"));
    else void teach.carryOut({ do: "stage", peer: peer.id, on: !peer.on_stage });
  };
  useWatchedTiles(session, shown);
  useShortcuts({
    ...Object.fromEntries(shown.slice(0, 9).map((peer, index) => [String(index + 1), () => live && toggle(peer)])),
    a: () => setFilter("all"),
    h: () => setFilter("hands"),
    t: () => setFilter("trouble"),
    PageDown: () => setPage(Math.min(page + 1, pages - 1)),
    PageUp: () => setPage(Math.max(page - 1, 0)),
    b: () => setAddressee("all"),
  });
  const hands = classrooms.filter((peer) => peer.hand !== undefined).length;
  const troubled = filtered(classrooms, "trouble").length;
  const empty =
    filter === "hands" ? t("live.noneHands") : filter === "trouble" ? t("live.noneTrouble") : t("live.noneRooms");
  return (
    <section className="wall" aria-label={t("live.classrooms")}>
      <div className="wall-head">
        <h2>
          {t("live.classrooms")}{" "}
          <span className="wall-count">
            {t("live.present", { here: presentCount(classrooms), all: classrooms.length })}
          </span>
        </h2>
        <Segmented<WallFilter>
          value={filter}
          onChange={setFilter}
          options={[
            { value: "all", label: t("live.all") },
            { value: "hands", label: `${t("live.hands")} ${hands}` },
            { value: "trouble", label: `${t("live.trouble")} ${troubled}` },
          ]}
        />
        {pages > 1 && (
          <span className="wall-pages">
            <Button
              size="small"
              icon={<LeftOutlined />}
              aria-label={t("live.previous")}
              disabled={page === 0}
              onClick={() => setPage(page - 1)}
            />
            {t("live.page", { page: page + 1, pages })}
            <Button
              size="small"
              icon={<RightOutlined />}
              aria-label={t("live.nextPage")}
              disabled={page === pages - 1}
              onClick={() => setPage(page + 1)}
            />
          </span>
        )}
      </div>
      <ul className="plain-list front" aria-label={t("live.front")}>
        {front.slice(0, inFront).map((peer) => (
          <li key={peer.id} className="front-item">
            <button type="button" disabled={!live} onClick={() => toggle(peer)} title={`${peer.school} ${peer.name}`}>
              <MarkLabel peer={peer} now={session.serverNow()} />
              <span className="one-line">{peer.name}</span>
            </button>
          </li>
        ))}
        {front.length > inFront && <li className="quiet">+{front.length - inFront}</li>}
      </ul>
      <div className="tiles-box" ref={grid}>
        {list.length === 0 && <p className="quiet tiles-empty">{empty}</p>}
        <ul
          className="plain-list tiles"
          style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, ${TILE_MAX_WIDTH}px))` }}
        >
          {shown.map((peer, index) => (
            <Tile
              key={peer.id}
              peer={peer}
              media={remote.get(trackOf(peer, "camera")?.id ?? "")?.media ?? null}
              number={index < 9 ? index + 1 : null}
              now={session.serverNow()}
              live={live}
              carryOut={teach.carryOut}
              message={() => setAddressee(peer)}
            />
          ))}
        </ul>
      </div>
      {addressee !== null && (
        <MessageDialog addressee={addressee} carryOut={teach.carryOut} close={() => setAddressee(null)} />
      )}
    </section>
  );
}

/** Asks for the pictures of the tiles on this page only, and for everything of those on stage. */
function useWatchedTiles(session: LiveSession, shown: Peer[]): void {
  const ids = shown.map((peer) => peer.id).join();
  useEffect(() => {
    const rules: WatchRule[] = [{ who: "stage", sources: [], height: 360, priority: 200 }];
    for (const peer of ids === "" ? [] : ids.split(","))
      rules.push({ who: { peer }, sources: ["camera"], height: 180, priority: 50 });
    session.setWatch(rules);
  }, [session, ids]);
}

/** Columns and tiles of a page, so that the wall never scrolls: all classrooms as large as they fit, or pages of small ones. */
function usePageSize(count: number) {
  const grid = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ columns: 3, perPage: 9, inFront: 3 });
  useEffect(() => {
    const element = grid.current;
    if (element === null) return;
    const measure = (): void => setSize(pageSize(element.clientWidth, element.clientHeight, count));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [count]);
  return { grid, ...size };
}

interface PageSize {
  columns: number;
  perPage: number;
  inFront: number;
}

function pageSize(width: number, height: number, count: number): PageSize {
  const inFront = Math.max(1, Math.floor(width / FRONT_WIDTH));
  const most = Math.max(1, Math.floor((width + TILE_GAP) / (TILE_MIN_WIDTH + TILE_GAP)));
  for (let columns = 1; ; columns++) {
    const tile = Math.min(TILE_MAX_WIDTH, (width - (columns - 1) * TILE_GAP) / columns);
    const rows = Math.max(1, Math.floor((height + TILE_GAP) / ((tile * 9) / 16 + TILE_FOOT + TILE_GAP)));
    if (columns >= most || rows * columns >= count) return { columns, perPage: rows * columns, inFront };
  }
}
