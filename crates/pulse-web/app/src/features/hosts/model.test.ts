import { describe, expect, it } from "vitest";
import type { Host } from "../../api/types";
import { arrayHealth, cpuOfHost, fullestDisk, highestTemperature, worstArray } from "./model";

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

describe("arrays", () => {
  const array = (parts: object) => ({ device: "/dev/md0", state: "clean", ...parts });

  it("are good, rebuilding or broken", () => {
    expect(arrayHealth(array({}))).toBe("ok");
    expect(arrayHealth(array({ failedDevices: 1 }))).toBe("crit");
    expect(arrayHealth(array({ state: "clean, degraded", rebuildPercent: 40 }))).toBe("warn");
    expect(arrayHealth(array({ state: "DEGRADED" }))).toBe("crit");
  });

  it("stand for their host by the worst of them", () => {
    const host = {
      id: "nas",
      hostname: "nas",
      status: "online",
      clockAt: 0,
      raid: [array({}), array({ device: "/dev/md1", state: "degraded" })],
    } as unknown as Parameters<typeof worstArray>[0];
    expect(worstArray(host)?.device).toBe("/dev/md1");
  });
});
