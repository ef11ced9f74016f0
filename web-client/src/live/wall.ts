import type { Peer } from "../generated/signal/Peer";
import { trackOf } from "./room-state";

/** The one thing a tile says about its classroom, most urgent first. */
export type Mark =
  | { kind: "help" }
  | { kind: "hand"; place: number }
  | { kind: "lost"; since: number | null }
  | { kind: "delayed" }
  | { kind: "noMedia" }
  | { kind: "noSound" }
  | { kind: "noPicture" }
  | { kind: "weak" }
  | { kind: "silenced" }
  | { kind: "muted" }
  | { kind: "camera" }
  | { kind: "left" }
  | { kind: "expected" }
  | { kind: "good" };

export type WallFilter = "all" | "hands" | "trouble";

const WEAK_LOSS_PERMILLE = 30;
const WEAK_RTT_MS = 600;

/** What a classroom's tile says. */
export function markOf(peer: Peer): Mark {
  if (peer.help) return { kind: "help" };
  switch (peer.presence) {
    case "expected":
      return { kind: "expected" };
    case "left":
      return { kind: "left" };
    case "lost":
      return { kind: "lost", since: peer.since === null ? null : Date.parse(peer.since) };
    default:
      break;
  }
  if (peer.hand !== undefined) return { kind: "hand", place: peer.hand };
  if (isDelayed(peer) && peer.report.hears !== false) return { kind: "delayed" };
  if (peer.presence === "no_media" && !isDelayed(peer)) return { kind: "noMedia" };
  if (peer.report.hears === false) return { kind: "noSound" };
  if (peer.report.sees === false) return { kind: "noPicture" };
  if (peer.report.loss_permille >= WEAK_LOSS_PERMILLE || peer.report.rtt_ms >= WEAK_RTT_MS) return { kind: "weak" };
  if (peer.silenced) return { kind: "silenced" };
  if (trackOf(peer, "microphone")?.muted === true) return { kind: "muted" };
  if (peer.report.camera_works !== true) return { kind: "camera" };
  return { kind: "good" };
}

/** Whether its network lets no media through, so that it sees the lesson late and cannot come on stage. */
export function isDelayed(peer: Peer): boolean {
  const here = peer.presence === "present" || peer.presence === "no_media";
  return here && peer.report.delayed_ms !== null;
}

/** Whether its network lets no UDP through: what is lost comes late there. */
export function isByTcp(peer: Peer): boolean {
  return (
    peer.presence === "present" &&
    (peer.report.transport === "tcp" || peer.report.transport === "tls") &&
    peer.report.delayed_ms === null
  );
}

const TROUBLES: ReadonlySet<Mark["kind"]> = new Set<Mark["kind"]>(["help", "lost", "noSound", "noPicture", "weak"]);

/** Whether the teacher should look at it. A raised hand covers the mark of trouble but does not undo it. */
export function hasTrouble(peer: Peer): boolean {
  const lowered = { ...peer };
  delete lowered.hand;
  return TROUBLES.has(markOf(lowered).kind);
}

/** The room's classrooms, each always at the same place: by school, then by name. */
export function classroomsOf(peers: readonly Peer[]): Peer[] {
  const order = new Intl.Collator("zh-CN", { numeric: true });
  return peers
    .filter((peer) => peer.role === "classroom")
    .sort((a, b) => order.compare(a.school, b.school) || order.compare(a.name, b.name) || (a.id < b.id ? -1 : 1));
}

/** Those the teacher should see first: calls for help, then hands in their order, then trouble, the oldest first. */
export function frontOf(classrooms: readonly Peer[]): Peer[] {
  const rank = (peer: Peer): number => (peer.help ? 0 : peer.hand !== undefined ? 1 : 2);
  const since = (peer: Peer): number => (peer.since === null ? 0 : Date.parse(peer.since));
  return classrooms
    .filter((peer) => peer.hand !== undefined || hasTrouble(peer))
    .sort((a, b) => rank(a) - rank(b) || (a.hand ?? 0) - (b.hand ?? 0) || since(a) - since(b));
}

/** The classrooms a filter leaves. */
export function filtered(classrooms: readonly Peer[], filter: WallFilter): Peer[] {
  if (filter === "hands") return frontOf(classrooms).filter((peer) => peer.hand !== undefined);
  if (filter === "trouble") return classrooms.filter(hasTrouble);
  return [...classrooms];
}

/** How many are here. */
export function presentCount(classrooms: readonly Peer[]): number {
  return classrooms.filter((peer) => peer.presence === "present" || peer.presence === "no_media").length;
}
