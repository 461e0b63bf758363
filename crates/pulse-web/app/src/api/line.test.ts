import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LineNews, LineOrder } from "./line.worker";
import type { LineEvent } from "./socketLine";

/** What the page sees of its worker. */
class FakeWorker extends EventTarget {
  static last: FakeWorker | undefined;
  readonly orders: LineOrder[] = [];
  isEnded = false;

  constructor() {
    super();
    FakeWorker.last = this;
  }

  postMessage(order: LineOrder): void {
    this.orders.push(order);
  }

  terminate(): void {
    this.isEnded = true;
  }

  tell(line: number, event: LineEvent): void {
    const data: LineNews = { line, event };
    this.dispatchEvent(new MessageEvent("message", { data }));
  }
}

/** What the page sees of a WebSocket. */
class FakeSocket extends EventTarget {
  static readonly OPEN = 1;
  static readonly urls: string[] = [];
  readyState = 1;
  binaryType = "";

  constructor(url: string) {
    super();
    FakeSocket.urls.push(url);
  }

  send(): void {}
  close(): void {}
}

const other: LineEvent = { kind: "message", message: { type: "other" } };
const closed: LineEvent = { kind: "closed", code: 4401 };

let module: typeof import("./line");
/** What waits for the next frame. */
const frames: (() => void)[] = [];

afterEach(() => void vi.useRealTimers());

beforeEach(async () => {
  vi.useFakeTimers();
  frames.length = 0;
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run));
  vi.resetModules();
  FakeWorker.last = undefined;
  FakeSocket.urls.length = 0;
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("WebSocket", FakeSocket);
  module = await import("./line");
});

describe("a line", () => {
  it("lives in the worker, and each hears its own news", () => {
    const [a, b]: LineEvent[][] = [[], []];
    const first = module.openLine("ws://a/", (event) => a?.push(event));
    module.openLine("ws://b/", (event) => b?.push(event));
    const worker = FakeWorker.last;
    first.send("hello");
    worker?.tell(2, other);
    worker?.tell(1, closed);
    worker?.tell(1, other);
    first.close();
    expect(worker?.orders).toEqual([
      { line: 1, kind: "open", url: "ws://a/" },
      { line: 2, kind: "open", url: "ws://b/" },
      { line: 1, kind: "send", text: "hello" },
    ]);
    expect([a, b]).toEqual([[closed], [other]]);
  });

  it("is closed when the worker falls, and the next does without", () => {
    const heard: LineEvent[] = [];
    module.openLine("ws://a/", (event) => heard.push(event));
    FakeWorker.last?.dispatchEvent(new Event("error"));
    expect(heard).toEqual([{ kind: "closed", code: 1006 }]);
    expect(FakeWorker.last?.isEnded).toBe(true);
    module.openLine("ws://b/", () => {});
    expect(FakeSocket.urls).toEqual(["ws://b/"]);
  });
});

describe("a worker that hangs", () => {
  it("is given up when a line does not end, and one that ends a line is not", () => {
    const heard: LineEvent[] = [];
    const first = module.openLine("ws://a/", (event) => heard.push(event));
    module.openLine("ws://b/", (event) => heard.push(event));
    first.close();
    FakeWorker.last?.tell(1, closed);
    vi.advanceTimersByTime(60_000);
    expect(FakeWorker.last?.isEnded).toBe(false);
    const third = module.openLine("ws://c/", (event) => heard.push(event));
    third.close();
    vi.advanceTimersByTime(60_000);
    expect(FakeWorker.last?.isEnded).toBe(true);
    expect(heard).toEqual([closed, { kind: "closed", code: 1006 }, { kind: "closed", code: 1006 }]);
  });
});

describe("an early line", () => {
  it("keeps what came until the page is painted, for who asks for the same", () => {
    module.openEarly("ws://a/");
    FakeWorker.last?.tell(1, other);
    const heard: LineEvent[] = [];
    module.openLine("ws://a/", (event) => heard.push(event));
    // However much comes in between, an end among it is not lost.
    for (let times = 0; times < 200; times += 1) FakeWorker.last?.tell(1, other);
    FakeWorker.last?.tell(1, closed);
    expect(heard).toEqual([]);
    for (const run of frames) run();
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(heard.length).toBe(202);
    expect(heard.at(-1)).toEqual(closed);
    vi.runAllTimers();
    expect(heard.length).toBe(202);
    expect(FakeWorker.last?.orders.length).toBe(1);
  });

  it("waits for no paint where nothing is painted", () => {
    module.openEarly("ws://a/");
    FakeWorker.last?.tell(1, other);
    const heard: LineEvent[] = [];
    module.openLine("ws://a/", (event) => heard.push(event));
    vi.advanceTimersByTime(1_000);
    expect(heard).toEqual([other]);
  });

  it("is no line any more when it was closed, or another is wanted", () => {
    module.openEarly("ws://a/");
    FakeWorker.last?.tell(1, closed);
    module.openLine("ws://a/", () => {});
    module.openEarly("ws://a/");
    module.openLine("ws://b/", () => {});
    expect(FakeWorker.last?.orders.map(({ line, kind }) => `${line} ${kind}`)).toEqual([
      "1 open",
      "2 open",
      "3 open",
      "3 close",
      "4 open",
    ]);
  });

  it("that nobody takes ends", () => {
    module.openEarly("ws://a/");
    for (let times = 0; times < 200; times += 1) FakeWorker.last?.tell(1, other);
    expect(FakeWorker.last?.orders.at(-1)).toEqual({ line: 1, kind: "close" });
  });
});
