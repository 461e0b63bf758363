import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decodeFrame, retryDelay } from "./live";

describe("retryDelay", () => {
  it("doubles, is bounded and spreads out", () => {
    expect(retryDelay(0, 0)).toBe(500);
    expect(retryDelay(0, 1)).toBe(1000);
    expect(retryDelay(3, 1)).toBe(8000);
    expect(retryDelay(50, 1)).toBe(30_000);
    expect(retryDelay(50, 0)).toBe(15_000);
  });
});

describe("decodeFrame", () => {
  const snapshot = { type: "snapshot", data: { version: 1, state: { lastUpdate: 5 } } };

  it("reads text and gzip alike", async () => {
    const text = JSON.stringify(snapshot);
    expect(await decodeFrame(text)).toEqual(snapshot);
    const packed = gzipSync(text);
    const buffer = packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength);
    expect(await decodeFrame(buffer as ArrayBuffer)).toEqual(snapshot);
  });

  it("lets unknown types pass and refuses what is not JSON", async () => {
    expect(await decodeFrame('{"type":"node_deleted","data":{}}')).toEqual({ type: "other" });
    expect(await decodeFrame("{}")).toEqual({ type: "other" });
    await expect(decodeFrame("{half")).rejects.toThrow();
  });
});
