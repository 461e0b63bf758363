// Decodes beside the page: taking a message of thousands of guests apart costs more than all that the page does with it.

import { Decoder } from "./decode";

/** A frame of one of the page's connections, which are counted. */
export interface Frame {
  line: number;
  frame: string | ArrayBuffer;
}

let line = -1;
let decoder: Decoder | undefined;

addEventListener("message", ({ data }: MessageEvent<Frame>) => {
  if (data.line !== line || decoder === undefined) {
    const of = data.line;
    line = of;
    decoder = new Decoder((message, transfer) => postMessage({ line: of, message }, { transfer }));
  }
  void decoder.take(data.frame);
});
