import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Decoded, Decoder } from "./decode";

const state = { vms: [{ id: "a", name: "web", cpu: 0.1, memory: { used: 1, total: 4 } }], lastUpdate: 5 };
const snapshot = { type: "snapshot", data: { version: 1, state } };

function packed(message: unknown): ArrayBuffer {
  const bytes = gzipSync(JSON.stringify(message));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

async function decoded(...frames: (string | ArrayBuffer)[]): Promise<Decoded[]> {
  const given: Decoded[] = [];
  const decoder = new Decoder((message) => given.push(message));
  await Promise.all(frames.map((frame) => decoder.take(frame)));
  return given;
}

describe("frames", () => {
  it("are text or gzip alike, and keep their order", async () => {
    const text = JSON.stringify(snapshot);
    const watched = { type: "watched", data: { id: "a", at: 1, fields: {} } };
    const given = await decoded(packed(snapshot), JSON.stringify(watched), text);
    expect(given).toEqual([{ type: "snapshot", text }, watched, { type: "snapshot", text }]);
  });

  it("are let pass where they are unknown, whatever the order of their keys", async () => {
    expect(await decoded('{"type":"node_deleted","data":{}}', "{}")).toEqual([
      { type: "other" },
      { type: "other" },
    ]);
    const turned = JSON.stringify({ data: { version: 1, state }, type: "snapshot" });
    expect(await decoded(turned)).toEqual([{ type: "snapshot", text: turned }]);
  });

  it("end with one that does not parse", async () => {
    expect(await decoded("{half", JSON.stringify(snapshot))).toEqual([{ type: "broken" }]);
    expect(await decoded(new ArrayBuffer(9))).toEqual([{ type: "broken" }]);
  });

  it("give the figures apart", async () => {
    const delta = (set: object) => ({
      type: "delta",
      data: { version: 2, base: 1, collections: { vms: { set } } },
    });
    const [, first] = await decoded(packed(snapshot), packed(delta({ a: { cpu: 0.5 } })));
    expect(first).toMatchObject({
      type: "delta",
      data: { collections: { vms: { set: {} } }, figures: { vms: { fields: ["cpu"] } } },
    });
  });
});
