import type { Change } from "../generated/signal/Change";
import type { Peer } from "../generated/signal/Peer";
import type { Room } from "../generated/signal/Room";
import type { ServerMessage } from "../generated/signal/ServerMessage";
import type { Track } from "../generated/signal/Track";

/** The room as this peer may see it, with what belongs to the peer itself. */
export interface RoomView {
  room: Room;
  /** The peer's own id. */
  self: string;
  /** Server's clock minus this machine's, in ms. */
  clockOffsetMs: number;
}

/** The whole state of a `welcome`. */
export function fromWelcome(message: Extract<ServerMessage, { type: "welcome" }>, now: number): RoomView {
  return { room: message.room, self: message.peer, clockOffsetMs: Date.parse(message.now) - now };
}

/**
 * The view after a change. Null when a revision is missing between: the state cannot be trusted and a whole one is needed.
 * A change that is already in the view leaves it as it is.
 */
export function afterChange(view: RoomView, revision: number, change: Change): RoomView | null {
  if (revision <= view.room.revision) return view;
  if (revision !== view.room.revision + 1) return null;
  return { ...view, room: applyChange({ ...view.room, revision }, change) };
}

function applyChange(room: Room, change: Change): Room {
  const next = { ...room };
  if (change.lesson !== undefined) next.lesson = change.lesson;
  if (change.recording !== undefined) next.recording = change.recording;
  if (change.observers !== undefined) next.observers = change.observers;
  if (change.peers !== undefined || change.gone !== undefined) {
    const gone = new Set(change.gone ?? []);
    const changed = new Map((change.peers ?? []).map((peer) => [peer.id, peer]));
    next.peers = room.peers.filter((peer) => !gone.has(peer.id)).map((peer) => changed.get(peer.id) ?? peer);
    const known = new Set(next.peers.map((peer) => peer.id));
    for (const peer of changed.values()) if (!known.has(peer.id)) next.peers.push(peer);
  }
  return next;
}

/** The teacher of the room, also one whose line is gone. */
export function teacherOf(room: Room): Peer | undefined {
  return room.peers.find((peer) => peer.role === "teacher");
}

/** Classrooms on stage, in the order of the room. */
export function stageOf(room: Room): Peer[] {
  return room.peers.filter((peer) => peer.role === "classroom" && peer.on_stage);
}

/** The peer's own entry. */
export function selfOf(view: RoomView): Peer | undefined {
  return view.room.peers.find((peer) => peer.id === view.self);
}

/** A peer's track of a source. */
export function trackOf(peer: Peer | undefined, source: Track["source"]): Track | undefined {
  return peer?.tracks.find((track) => track.source === source);
}

/** The material of a peer that is shown large: its screen, else its document camera, when media flows. */
export function materialOf(peer: Peer | undefined): Track | undefined {
  return (["screen", "document"] as const)
    .map((source) => trackOf(peer, source))
    .find((track) => track !== undefined && track.flowing && !track.muted);
}
