// Where the connection to the server lives: beside the page, or in it where the browser or a policy forbids workers.

import type { LineNews, LineOrder } from "./line.worker";
import { type Line, type LineEvent, socketLine } from "./socketLine";

/** As a WebSocket says it of a line that broke. */
const BROKEN = 1006;

type Take = (event: LineEvent) => void;

/** Browsers give a server ten seconds to agree that a line ends. A worker that says nothing for so long hangs. */
const LONGEST_CLOSE_MS = 30_000;
/** Where nothing is painted for so long, as in a page out of sight, nobody waits for it. */
const LONGEST_FRAME_MS = 200;

let worker: Worker | undefined;
let isForbidden = false;
let count = 0;
const open = new Map<number, Take>();

function start(): Worker | undefined {
  if (worker !== undefined || isForbidden) return worker;
  try {
    worker = new Worker(new URL("./line.worker.ts", import.meta.url), { type: "module", name: "line" });
  } catch {
    isForbidden = true;
    return undefined;
  }
  worker.addEventListener("message", ({ data: { line, event } }: MessageEvent<LineNews>) => {
    const take = open.get(line);
    if (event.kind === "closed") open.delete(line);
    take?.(event);
  });
  worker.addEventListener("error", fall);
  return worker;
}

/** The worker's script was not to be had, it fell, or it hangs: its lines go with it, and the next ones do without it. */
function fall(): void {
  worker?.terminate();
  worker = undefined;
  isForbidden = true;
  const cut = [...open.values()];
  open.clear();
  for (const take of cut) take({ kind: "closed", code: BROKEN });
}

/** A line that was opened before anybody could take what it brings. */
interface Early {
  url: string;
  line: Line;
  events: LineEvent[];
  take: Take | undefined;
}

/** Longer than any page takes to start; who has not come by then logs in first. */
const MOST_EARLY = 100;

let early: Early | undefined;

/** Opens the line that the page will want when it has started: the state then comes while the code does. */
export function openEarly(url: string): void {
  const events: LineEvent[] = [];
  const line = openNow(url, (event) => {
    if (mine.take !== undefined) mine.take(event);
    else if (early !== mine || events.length < MOST_EARLY) events.push(event);
    else dropEarly();
  });
  const mine: Early = { url, line, events, take: undefined };
  early = mine;
}

function dropEarly(): void {
  early?.line.close();
  early = undefined;
}

/** Opens a line; `take` hears what happens on it, never before this function returns. */
export function openLine(url: string, take: Take): Line {
  const found = early;
  early = undefined;
  if (found === undefined) return openNow(url, take);
  if (found.url !== url || found.events.at(-1)?.kind === "closed") {
    found.line.close();
    return openNow(url, take);
  }
  // The state of a large estate keeps the page busy for longer than anybody should look at nothing.
  afterPaint(() => {
    found.take = take;
    for (const event of found.events.splice(0)) take(event);
  });
  return found.line;
}

/** Runs once what is drawn now has been painted. */
function afterPaint(run: () => void): void {
  let isRun = false;
  const once = (): void => {
    if (!isRun) run();
    isRun = true;
  };
  // A frame's callbacks come before it is painted, a timer of theirs after.
  requestAnimationFrame(() => setTimeout(once));
  setTimeout(once, LONGEST_FRAME_MS);
}

function openNow(url: string, take: Take): Line {
  const beside = start();
  if (beside === undefined) return socketLine(url, take);
  count += 1;
  const line = count;
  open.set(line, take);
  const order = (what: LineOrder): void => {
    // After a fall there is nobody to tell.
    if (open.has(line)) beside.postMessage(what);
  };
  order({ line, kind: "open", url });
  return {
    send: (text) => order({ line, kind: "send", text }),
    close: () => {
      order({ line, kind: "close" });
      setTimeout(() => {
        if (open.has(line)) fall();
      }, LONGEST_CLOSE_MS);
    },
  };
}
