import { createRoot, createSignal } from "solid-js";
import { afterEach, expect, it } from "vitest";
import { forget, overlay, setChannel, takeWatched, useReports, useWatched } from "./watch";

Object.assign(globalThis, { document: { visibilityState: "visible", addEventListener: () => undefined } });
afterEach(() => {
  forget();
  setChannel(undefined);
});

it("lays figures over a row and keeps the parts that they do not know", () => {
  const row = { id: "a", cpu: 0.1, memory: { used: 1, total: 8, balloon: 4 }, name: "web" };
  expect(overlay(row, { cpu: 0.5, memory: { used: 2, total: 8 } })).toEqual({
    id: "a",
    cpu: 0.5,
    memory: { used: 2, total: 8, balloon: 4 },
    name: "web",
  });
  expect(row.cpu).toBe(0.1);
});

it("names what is looked at, again after the line was cut, and nothing when nobody looks any more", async () => {
  const sent: string[][] = [];
  const channel = (text: string): void => {
    sent.push((JSON.parse(text) as { data: { ids: string[] } }).data.ids);
  };
  setChannel(channel);
  const [row] = createSignal({ id: "a", cpu: 0.1 });
  let dispose = (): void => undefined;
  const view = createRoot((end) => {
    dispose = end;
    return useWatched(row, () => 10_000);
  });
  await Promise.resolve();
  expect(sent).toEqual([["a"]]);
  expect(view.row().cpu).toBe(0.1);
  takeWatched({ id: "a", at: 9_000, fields: { cpu: 0.7 } });
  expect(view.row().cpu).toBe(0.7);
  expect(view.at()).toBe(9_000);
  // Of something else, or long ago: the state's own figures stand.
  takeWatched({ id: "b", at: 9_000, fields: { cpu: 0.9 } });
  takeWatched({ id: "a", at: 1_000, fields: { cpu: 0.8 } });
  expect(view.row().cpu).toBe(0.1);
  expect(view.at()).toBeUndefined();
  setChannel(undefined);
  setChannel(channel);
  expect(sent.at(-1)).toEqual(["a"]);
  dispose();
  expect(sent.at(-1)).toEqual([]);
});

it("asks for reports while a machine is looked at, and says when they come that often", async () => {
  const sent: string[][] = [];
  setChannel((text) => {
    sent.push((JSON.parse(text) as { data: { ids: string[] } }).data.ids);
  });
  const [row, setRow] = createSignal({ id: "nas" });
  const [now, setNow] = createSignal(10_000);
  const report = (at: number): void => {
    setNow(at);
    setRow({ id: "nas" });
  };
  let dispose = (): void => undefined;
  const at = createRoot((end) => {
    dispose = end;
    return useReports("host", row, now, now);
  });
  await Promise.resolve();
  expect(sent).toEqual([["host:nas"]]);
  // The agent's own pace, and one that follows soon by chance, are none of every second.
  for (const time of [20_000, 21_000, 31_000, 32_000]) {
    report(time);
    expect(at()).toBeUndefined();
  }
  report(33_000);
  expect(at()).toBe(33_000);
  setNow(40_000);
  expect(at()).toBeUndefined();
  dispose();
  expect(sent.at(-1)).toEqual([]);
});
