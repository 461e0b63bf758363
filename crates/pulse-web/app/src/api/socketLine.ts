// A WebSocket and the decoding of what it brings. Runs beside the page (line.worker.ts), or in it where that is not possible.

import { type Decoded, Decoder } from "./decode";

/** What happens on a line. Nothing comes after `closed`. */
export type LineEvent = { kind: "message"; message: Decoded } | { kind: "closed"; code: number };

/** A connection to the server. */
export interface Line {
  send: (text: string) => void;
  /** `closed` still comes. */
  close: () => void;
}

/** Opens a WebSocket and gives what it brings, taken apart and in order. */
export function socketLine(url: string, give: (event: LineEvent, transfer: Transferable[]) => void): Line {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const decoder = new Decoder((message, transfer) => give({ kind: "message", message }, transfer));
  // What came before the end is told before the end.
  let taken: Promise<void> = Promise.resolve();
  socket.addEventListener("message", (event: MessageEvent<string | ArrayBuffer>) => {
    taken = decoder.take(event.data);
  });
  socket.addEventListener("close", ({ code }) => {
    void taken.then(() => give({ kind: "closed", code }, []));
  });
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
}
