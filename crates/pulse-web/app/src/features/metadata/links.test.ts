import { createEffect, createRoot } from "solid-js";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { allMetadata as real } from "../../api/metadata";

const allMetadata = vi.hoisted(() => vi.fn<typeof real>());
vi.mock("../../api/metadata", () => ({ allMetadata }));

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  allMetadata.mockReset();
});
afterEach(() => vi.useRealTimers());

/** What the server answers: of the same modules as what is tested. */
async function refusal(status: number): Promise<Error> {
  const { ApiError } = await import("../../api/client");
  return new ApiError(status, "no");
}

/** Draws two rows that show the link, and says what they showed last. */
async function draw(): Promise<{ shown: () => readonly (string | undefined)[]; end: () => void }> {
  const { linkOf } = await import("./links");
  const seen: (string | undefined)[] = [];
  const end = createRoot((dispose) => {
    for (const index of [0, 1])
      createEffect(() => {
        seen[index] = linkOf("guests", "a");
      });
    return dispose;
  });
  await vi.advanceTimersByTimeAsync(0);
  return { shown: () => seen, end };
}

it("asks again some time after it failed, once for all rows", async () => {
  allMetadata.mockRejectedValueOnce(await refusal(503));
  allMetadata.mockResolvedValueOnce({ a: { customUrl: "https://wiki.lan/a" } });
  const rows = await draw();
  expect(allMetadata).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(allMetadata).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(allMetadata).toHaveBeenCalledTimes(2);
  expect(rows.shown()).toEqual(["https://wiki.lan/a", "https://wiki.lan/a"]);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(allMetadata).toHaveBeenCalledTimes(2);
  rows.end();
});

it("does not ask again where it may not", async () => {
  allMetadata.mockRejectedValue(await refusal(403));
  const rows = await draw();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(allMetadata).toHaveBeenCalledTimes(1);
  rows.end();
});
