// The connection to the server, beside the page: taking in and taking apart what tells of thousands of guests costs more than
// all that the page does with it.

import { type Line, type LineEvent, socketLine } from "./socketLine";

/** What the page wants of one of its lines, which are counted. */
export type LineOrder = { line: number } & (
  | { kind: "open"; url: string }
  | { kind: "send"; text: string }
  | { kind: "close" }
);

/** What happened on a line. */
export interface LineNews {
  line: number;
  event: LineEvent;
}

const lines = new Map<number, Line>();

addEventListener("message", ({ data: order }: MessageEvent<LineOrder>) => {
  const { line } = order;
  switch (order.kind) {
    case "open":
      lines.set(
        line,
        socketLine(order.url, (event, transfer) => {
          if (event.kind === "closed") lines.delete(line);
          const news: LineNews = { line, event };
          postMessage(news, { transfer });
        }),
      );
      break;
    case "send":
      lines.get(line)?.send(order.text);
      break;
    case "close":
      lines.get(line)?.close();
  }
});
