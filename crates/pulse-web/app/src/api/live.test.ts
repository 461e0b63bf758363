// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connection, connectLive, hasData, retryDelay } from "./live";
import type { LineEvent } from "./socketLine";

/** The lines that were opened, and what was said on each. */
const lines: { take: (event: LineEvent) => void; said: string[] }[] = [];

vi.mock("./line", () => ({
  openLine: (_url: string, take: (event: LineEvent) => void) => {
    const said: string[] = [];
    lines.push({ take, said });
    return { send: (text: string) => said.push(text), close: () => said.push("close") };
  },
}));
vi.mock("./liveUrl", () => ({ liveUrl: () => "ws://a/" }));

const closed: LineEvent = { kind: "closed", code: 1006 };
const snapshot = (state: unknown): LineEvent => ({
  kind: "message",
  message: { type: "snapshot", text: JSON.stringify({ type: "snapshot", data: { version: 1, state } }) },
});

describe("retryDelay", () => {
  it("doubles, is bounded and spreads out", () => {
    expect(retryDelay(0, 0)).toBe(500);
    expect(retryDelay(0, 1)).toBe(1000);
    expect(retryDelay(3, 1)).toBe(8000);
    expect(retryDelay(50, 1)).toBe(30_000);
    expect(retryDelay(50, 0)).toBe(15_000);
  });
});

describe("the channel", () => {
  let stop = (): void => undefined;

  beforeEach(() => {
    vi.useFakeTimers();
    lines.length = 0;
  });

  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it("has one line, whoever asked for it first", async () => {
    const answers: ((isIn: boolean | Error) => void)[] = [];
    stop = connectLive(
      () =>
        new Promise((resolve, reject) => {
          answers.push((isIn) => (isIn instanceof Error ? reject(isIn) : resolve(isIn)));
        }),
    );
    lines[0]?.take(closed);
    answers[0]?.(new Error("away"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connection().kind).toBe("offline");
    lines[1]?.take(closed);
    // The network is there again while HTTP has yet to tell why the second line ended.
    window.dispatchEvent(new Event("online"));
    lines[2]?.take(snapshot({ lastUpdate: 5 }));
    answers[1]?.(true);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(lines.length).toBe(3);
    expect(connection().kind).toBe("live");
  });

  it("starts over, with pauses that grow, where a state is none", async () => {
    stop = connectLive(async () => true);
    for (const pause of [1_000, 2_000, 4_000]) {
      const line = lines.at(-1);
      line?.take(snapshot({ nodes: [null] }));
      expect(line?.said).toEqual(["close"]);
      const count = lines.length;
      line?.take(closed);
      await vi.advanceTimersByTimeAsync(pause / 2 - 1);
      expect(lines.length).toBe(count);
      await vi.advanceTimersByTimeAsync(pause / 2 + 1);
      expect(lines.length).toBe(count + 1);
    }
    lines.at(-1)?.take(snapshot({ lastUpdate: 5 }));
    expect(hasData()).toBe(true);
  });
});
