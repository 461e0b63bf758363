// From the frames of one connection to messages, in their order. Runs beside the page (line.worker.ts), or in it where
// that is not possible. Pure but for the browser's own decompression.

import type { Delta } from "./delta";
import { type PackedDelta, Packer } from "./figures";
import type { WireState } from "./types";
import type { Watched } from "./watch";

/** One message of the server. */
export type Message =
  | { type: "snapshot"; data: { version: number; state: WireState } }
  | { type: "delta"; data: Delta }
  | { type: "watched"; data: Watched }
  | { type: "other" };

/** A message as the page takes it: a state as text, which is cheaper to hand on than what it says. */
export type Decoded =
  | { type: "snapshot"; text: string }
  | { type: "delta"; data: PackedDelta }
  | { type: "watched"; data: Watched }
  | { type: "other" }
  /** A frame that does not parse. Nothing comes after it. */
  | { type: "broken" };

const KNOWN: ReadonlySet<unknown> = new Set(["snapshot", "delta", "watched"]);

/** Reads a message. */
export function parseMessage(text: string): Message {
  const message = JSON.parse(text) as { type?: unknown };
  return KNOWN.has(message.type) ? (message as Message) : { type: "other" };
}

/** The text of a frame: JSON, or the same compressed with gzip. */
async function frameText(frame: string | ArrayBuffer): Promise<string> {
  if (typeof frame === "string") return frame;
  const gunzip = new DecompressionStream("gzip");
  const writer = gunzip.writable.getWriter();
  // What is wrong with the frame is told by the reading side.
  writer.write(new Uint8Array(frame)).catch(() => undefined);
  writer.close().catch(() => undefined);
  const reader = gunzip.readable.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read())
    text += decoder.decode(part.value, { stream: true });
  return text + decoder.decode();
}

/** Decodes the frames of one connection. */
export class Decoder {
  readonly #packer = new Packer();
  readonly #give: (message: Decoded, transfer: Transferable[]) => void;
  // Decompression is asynchronous; the chain keeps the order of the messages.
  #queue: Promise<void> = Promise.resolve();
  #isBroken = false;

  constructor(give: (message: Decoded, transfer: Transferable[]) => void) {
    this.#give = give;
  }

  take(frame: string | ArrayBuffer): Promise<void> {
    this.#queue = this.#queue
      .then(async () => {
        if (!this.#isBroken) this.#read(await frameText(frame));
      })
      .catch(() => {
        this.#isBroken = true;
        this.#give({ type: "broken" }, []);
      });
    return this.#queue;
  }

  #read(text: string): void {
    // The page reads the state at the same time as it is read here.
    const isState = text.startsWith('{"type":"snapshot"');
    if (isState) this.#give({ type: "snapshot", text }, []);
    const message = parseMessage(text);
    switch (message.type) {
      case "snapshot":
        if (!isState) this.#give({ type: "snapshot", text }, []);
        this.#packer.restart(message.data.state);
        break;
      case "delta": {
        const data = this.#packer.pack(message.data);
        this.#give(
          { type: "delta", data },
          Object.values(data.figures ?? {}).map((figures) => figures.numbers.buffer),
        );
        break;
      }
      default:
        this.#give(message, []);
    }
  }
}
