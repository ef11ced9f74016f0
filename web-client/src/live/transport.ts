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
