// Where frames are decoded: beside the page, or in it where the browser or a policy forbids workers.

import { type Decoded, Decoder } from "./decode";
import type { Frame } from "./decode.worker";

type Take = (message: Decoded) => void;

let worker: Worker | undefined;
let isForbidden = false;
let lines = 0;
let current: { line: number; take: Take } | undefined;

function start(): Worker | undefined {
  if (worker !== undefined || isForbidden) return worker;
  try {
    worker = new Worker(new URL("./decode.worker.ts", import.meta.url), { type: "module", name: "decoder" });
  } catch {
    isForbidden = true;
    return undefined;
  }
  worker.addEventListener("message", ({ data }: MessageEvent<{ line: number; message: Decoded }>) => {
    if (data.line === current?.line) current.take(data.message);
  });
  // Its script was not to be had, or it fell: what it was decoding is lost, and the next connection does without it.
  worker.addEventListener("error", () => {
    worker?.terminate();
    worker = undefined;
    isForbidden = true;
    current?.take({ type: "broken" });
  });
  return worker;
}

/** Makes ready for the first connection. */
export function prepareDecoding(): void {
  start();
}

/** A new connection: what the one before still had to say is dropped. Gives the function that takes its frames. */
export function openLine(take: Take): (frame: string | ArrayBuffer) => void {
  lines += 1;
  const line = lines;
  current = { line, take };
  const beside = start();
  if (beside !== undefined)
    return (frame) => {
      const message: Frame = { line, frame };
      beside.postMessage(message, typeof frame === "string" ? [] : [frame]);
    };
  const decoder = new Decoder((message) => {
    if (current?.line === line) take(message);
  });
  return (frame) => void decoder.take(frame);
}
