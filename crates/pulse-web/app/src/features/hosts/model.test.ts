import { describe, expect, it } from "vitest";
import type { Host } from "../../api/types";
import { cpuOfHost, fullestDisk, highestTemperature } from "./model";

const host = (parts: Partial<Host>): Host => ({ id: "h", hostname: "h", status: "online", ...parts });

describe("cpu", () => {
  it("is 0 where an online host sends none, since the wire leaves 0 out", () => {
    expect(cpuOfHost(host({}))).toBe(0);
  });

  it("is unknown with a reason, and while offline", () => {
    expect(cpuOfHost(host({ missing: { cpu: "first sample" } }))).toBeUndefined();
    expect(cpuOfHost(host({ missing: { cpuUsage: "first sample" } }))).toBeUndefined();
    expect(cpuOfHost(host({ status: "offline", cpuUsage: 7 }))).toBeUndefined();
  });
});

describe("fullestDisk", () => {
  it("finds it and ignores those without a size", () => {
    const disks = [
      { total: 100, used: 20, mountpoint: "/" },
      { total: 0, used: 0, mountpoint: "/empty" },
      { total: 10, used: 9, mountpoint: "/data" },
    ];
    expect(fullestDisk(host({ disks }))).toEqual({ percent: 90, where: "/data" });
    expect(fullestDisk(host({}))).toBeUndefined();
  });
});

describe("temperature", () => {
  it("is the highest, or unknown", () => {
    expect(highestTemperature(host({ sensors: { temperatureCelsius: { a: 40, b: 61 } } }))).toBe(61);
    expect(highestTemperature(host({}))).toBeUndefined();
  });
});
