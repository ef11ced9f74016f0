/** What a transport tells. Nothing is told after `closed`. */
export interface TransportEvents {
  opened(): void;
  message(text: string): void;
  closed(): void;
}

/** A connection that carries text messages. */
export interface Transport {
  send(text: string): void;
  close(): void;
}

/** Opens a connection; events come later, never from within the call. */
export type OpenTransport = (events: TransportEvents) => Transport;

/** So many sockets fail before another way is tried. */
const FAILURES = 2;

/**
 * Opens sockets; where a network lets none through, what stands for them at `path`/events. The two take turns then, so that the
 * better one is found again whenever the line is made anew.
 */
export function signalTransport(
  path: string,
  sockets: OpenTransport = webSocketTransport(path),
  streams: OpenTransport = eventTransport(`${path}/events`),
): OpenTransport {
  let failures = 0;
  return (events) => {
    const open = failures >= FAILURES && failures % 2 === 0 ? streams : sockets;
    let pending = true;
    const failed = (): void => {
      if (pending) failures += 1;
      pending = false;
    };
    const transport = open({
      opened: () => {
        pending = false;
        events.opened();
      },
      message: (text) => {
        failures = open === sockets ? 0 : FAILURES - 1;
        events.message(text);
      },
      closed: () => {
        failed();
        events.closed();
      },
    });
    return {
      send: (text) => transport.send(text),
      close: () => {
        failed();
        transport.close();
      },
    };
  };
}

/** Opens lines of server-sent events one way and requests the other, for networks that let no WebSocket through. */
export function eventTransport(path: string): OpenTransport {
  return (events) => {
    const source = new EventSource(path);
    let address: string | null = null;
    let waiting: string[] = [];
    let sending = false;
    let over = false;
    const end = (): void => {
      over = true;
      source.close();
      if (address !== null) void fetch(address, { method: "DELETE", keepalive: true }).catch(() => undefined);
    };
    const lost = (): void => {
      if (over) return;
      end();
      events.closed();
    };
    // One request at a time, so that messages keep their order; what comes meanwhile goes together.
    const flush = async (to: string): Promise<void> => {
      if (sending) return;
      sending = true;
      while (waiting.length > 0 && !over) {
        const body = waiting.join("\n");
        waiting = [];
        const response = await fetch(to, { method: "POST", headers: { "content-type": "text/plain" }, body }).catch(
          () => null,
        );
        if (response?.ok !== true) lost();
      }
      sending = false;
    };
    source.addEventListener("line", (event: MessageEvent<string>) => {
      address = `${path}/${event.data}`;
      events.opened();
    });
    source.onmessage = (event: MessageEvent<string>) => {
      if (!over) events.message(event.data);
    };
    source.onerror = lost;
    return {
      send: (text) => {
        if (address === null || over) return;
        waiting.push(text);
        void flush(address);
      },
      close: end,
    };
  };
}

/** Opens WebSockets to `path` of the page's own server. */
export function webSocketTransport(path: string): OpenTransport {
  return (events) => {
    const address = new URL(path, window.location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.onopen = () => events.opened();
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data === "string") events.message(event.data);
    };
    socket.onclose = () => events.closed();
    return {
      send: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      close: () => {
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close();
      },
    };
  };
}
