import type { ClientMessage } from "../../generated/signal/ClientMessage";
import type { Peer } from "../../generated/signal/Peer";
import type { Room } from "../../generated/signal/Room";
import type { ServerMessage } from "../../generated/signal/ServerMessage";
import type { OpenTransport, TransportEvents } from "../transport";

/** One connection a test plays the server of. */
export class FakeSocket {
  readonly sent: ClientMessage[] = [];
  closed = false;
  readonly #events: TransportEvents;

  constructor(events: TransportEvents) {
    this.#events = events;
  }

  /** The connection comes up. */
  open(): void {
    if (!this.closed) this.#events.opened();
  }

  /** The server says something. */
  say(message: ServerMessage): void {
    if (!this.closed) this.#events.message(JSON.stringify(message));
  }

  /** The connection breaks. */
  drop(): void {
    if (this.closed) return;
    this.closed = true;
    this.#events.closed();
  }

  last<T extends ClientMessage["type"]>(type: T): Extract<ClientMessage, { type: T }> | undefined {
    return this.sent.findLast((message): message is Extract<ClientMessage, { type: T }> => message.type === type);
  }
}

/** A network whose connections a test opens, answers and breaks. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];
  readonly open: OpenTransport = (events) => {
    const socket = new FakeSocket(events);
    this.sockets.push(socket);
    return {
      send: (text) => {
        if (!socket.closed) socket.sent.push(JSON.parse(text) as ClientMessage);
      },
      close: () => {
        socket.closed = true;
      },
    };
  };

  /** The newest connection. */
  get newest(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("nothing was dialled");
    return socket;
  }
}

export function room(changes: Partial<Room> = {}): Room {
  return {
    revision: 1,
    lesson: {
      id: "lesson",
      state: "live",
      title: "分数的初步认识",
      subject: "数学",
      grade: "三年级",
      teacher: "王秀英",
      school: "实验小学",
      starts_at: "2026-11-23T01:00:00Z",
      ends_at: "2026-11-23T01:40:00Z",
      live_since: null,
    },
    recording: { state: "idle", bytes: 0, duration_ms: 0 },
    peers: [],
    observers: 0,
    ...changes,
  };
}

export function peer(id: string, changes: Partial<Peer> = {}): Peer {
  return {
    id,
    role: "classroom",
    name: `班 ${id}`,
    school: "岔口小学",
    presence: "present",
    since: null,
    on_stage: false,
    silenced: false,
    help: false,
    report: {
      hears: true,
      sees: true,
      loss_permille: 0,
      rtt_ms: 30,
      frozen_ms: 0,
      microphone_level: 0,
      camera_works: true,
      microphone_works: true,
      transport: "udp",
      delayed_ms: null,
    },
    tracks: [],
    ...changes,
  };
}

export function welcome(
  changes: Partial<Extract<ServerMessage, { type: "welcome" }>> = {},
): Extract<ServerMessage, { type: "welcome" }> {
  return {
    type: "welcome",
    epoch: 1,
    peer: "me",
    role: "classroom",
    now: new Date(1_700_000_000_000).toISOString(),
    room: room(),
    ...changes,
  };
}
