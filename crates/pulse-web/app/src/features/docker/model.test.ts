import { describe, expect, it } from "vitest";
import type { DockerContainer } from "../../api/types";
import {
  containerHealth,
  containerRows,
  cpuShareOf,
  type LiveDockerHost,
  memoryBytes,
  memoryPercent,
  stateText,
  uptimeOf,
} from "./model";

const host = (id: string, containers: DockerContainer[], status = "online"): LiveDockerHost => ({
  id,
  hostname: id,
  status,
  containers,
  clockAt: 0,
});

function only(container: Partial<DockerContainer>, status = "online") {
  const [row] = containerRows([host("h", [{ id: "c", name: "c", ...container }], status)]).values();
  if (row === undefined) throw new Error("no row");
  return row;
}

describe("containerRows", () => {
  it("tells the same id on two hosts apart", () => {
    const rows = containerRows([host("a", [{ id: "c", name: "x" }]), host("b", [{ id: "c", name: "y" }])]);
    expect([...rows.keys()]).toEqual(["a/c", "b/c"]);
  });

  it("gives the same row again while nothing changed", () => {
    const one = host("a", [{ id: "c", name: "x" }]);
    expect(containerRows([one]).get("a/c")).toBe(containerRows([one]).get("a/c"));
  });
});

describe("a container", () => {
  it.each([
    [{ state: "running" }, "ok", "running"],
    [{ state: "running", health: "unhealthy" }, "crit", "running, unhealthy"],
    [{ state: "running", health: "starting" }, "warn", "running, starting"],
    [{ state: "exited", exitCode: 0 }, "idle", "exited (0)"],
    [{ state: "exited", exitCode: 137 }, "warn", "exited (137)"],
    [{ state: "restarting" }, "warn", "restarting"],
    [{ state: "dead" }, "crit", "dead"],
  ])("%j", (container, health, text) => {
    expect(containerHealth(only(container))).toBe(health);
    expect(stateText(only(container))).toBe(text);
  });

  it("of a host that is away is not said to run", () => {
    expect(stateText(only({ state: "running" }, "offline"))).toBe("offline");
  });

  it("has no share of a limit that it does not have", () => {
    const running = { state: "running", memoryPercent: 3 };
    expect(memoryPercent(only({ ...running, memoryLimitBytes: 0 }))).toBeUndefined();
    expect(memoryPercent(only({ ...running, memoryLimitBytes: 100 }))).toBe(3);
  });

  it("is measured by the processors of its host, and not while that is away", () => {
    const [row] = containerRows([
      { ...host("h", [{ id: "c", name: "c", state: "running", cpuPercent: 150 }]), cpus: 4 },
    ]).values();
    expect(row && cpuShareOf(row)).toBe(37.5);
    expect(cpuShareOf(only({ state: "running", cpuPercent: 150 }, "offline"))).toBeUndefined();
  });

  it("has no memory use where none was reported", () => {
    const running = { state: "running", memoryUsageBytes: 0 };
    expect(memoryBytes(only(running))).toBe(0);
    expect(memoryBytes(only({ ...running, missing: { memoryUsageBytes: "why" } }))).toBeUndefined();
  });

  it("counts its uptime from its start, by the server's clock", () => {
    expect(uptimeOf(only({ state: "running", startedAt: 10_000 }), 70_000)).toBe(60);
    expect(uptimeOf(only({ state: "exited", startedAt: 10_000 }), 70_000)).toBeUndefined();
  });
});
