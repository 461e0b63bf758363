import { describe, expect, it } from "vitest";
import { age, bytes, bytesOf, duration, parseTime, percent, rate } from "./format";

/** Readable expectations: the real output has no-break spaces. */
const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("bytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 KB"],
    [1024, "1 KB"],
    [1536, "1.5 KB"],
    [8 * 1024 ** 3, "8 GB"],
    [9.96 * 1024 ** 3, "10 GB"],
    [1.2 * 1024 ** 4, "1.2 TB"],
    [1023 * 1024 ** 2, "1 GB"],
    [-2048, "-2 KB"],
  ])("%d", (value, text) => expect(plain(bytes(value))).toBe(text));

  it("shares the unit where both have the same", () => {
    expect(plain(bytesOf(3.4 * 1024 ** 3, 8 * 1024 ** 3))).toBe("3.4 / 8 GB");
    expect(plain(bytesOf(640 * 1024 ** 2, 8 * 1024 ** 3))).toBe("640 MB / 8 GB");
  });

  it("is a rate per second", () => expect(plain(rate(2048))).toBe("2 KB/s"));
});

describe("percent", () => {
  it.each([
    [0, "0 %"],
    [0.2, "<1 %"],
    [0.5, "1 %"],
    [12.4, "12 %"],
    [100, "100 %"],
  ])("%d", (value, text) => expect(plain(percent(value))).toBe(text));
});

describe("time", () => {
  it.each([
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [3600, "1 h"],
    [4 * 3600 + 12 * 60, "4 h 12 min"],
    [3 * 86400 + 4 * 3600 + 59, "3 d 4 h"],
    [86400, "1 d"],
    [-5, "0 s"],
  ])("%d s", (value, text) => expect(plain(duration(value))).toBe(text));

  it("has a short form", () => expect(plain(age(3 * 86400 + 4 * 3600))).toBe("3 d"));
});

describe("moments of the wire", () => {
  it("takes its year 1 for none", () => {
    expect(parseTime("0001-01-01T00:00:00Z")).toBeUndefined();
    expect(parseTime("soon")).toBeUndefined();
    expect(parseTime(undefined)).toBeUndefined();
    expect(parseTime("2026-11-25T10:00:00Z")).toBe(Date.UTC(2026, 10, 25, 10));
  });
});
