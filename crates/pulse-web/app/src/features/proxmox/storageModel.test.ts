import { describe, expect, it } from "vitest";
import {
  cephHealth,
  diskHealth,
  diskLifeLeft,
  type LiveStorage,
  replicationHealth,
  storageHealth,
  storageRows,
  storageShare,
  storageWhy,
} from "./storageModel";

const storage = (parts: Partial<LiveStorage>): LiveStorage => ({
  id: "lab-n1-local",
  name: "local",
  node: "n1",
  instance: "lab",
  type: "dir",
  status: "available",
  total: 100,
  used: 25,
  clockAt: 0,
  ...parts,
});

describe("storage", () => {
  it("has no share where it is not available or reports no size", () => {
    expect(storageShare(storage({}))?.percent).toBe(25);
    expect(storageShare(storage({ status: "inactive" }))).toBeUndefined();
    expect(storageShare(storage({ total: 0 }))).toBeUndefined();
    expect(storageWhy(storage({ status: "inactive" }))).toBe("the storage is inactive");
  });

  it("is shown once where nodes share it", () => {
    const rows = [
      storage({ id: "1", shared: true, name: "ceph" }),
      storage({ id: "2", shared: true, name: "ceph", node: "n2" }),
      storage({ id: "3" }),
      storage({ id: "4", node: "n2" }),
    ];
    expect([...storageRows(new Map(rows.map((row) => [row.id, row]))).keys()]).toEqual(["1", "3", "4"]);
  });

  it("is not broken where it was switched off", () => {
    expect(storageHealth(storage({ status: "disabled" }))).toBe("idle");
    expect(storageHealth(storage({ status: "inactive" }))).toBe("crit");
  });
});

describe("disks", () => {
  const disk = (parts: object) => ({ id: "d", node: "n1", instance: "lab", devPath: "/dev/sda", ...parts });
  it("are judged by what they say and by their wear", () => {
    expect(diskHealth(disk({ health: "PASSED", wearout: 90 }))).toBe("ok");
    expect(diskHealth(disk({ health: "PASSED", wearout: 15 }))).toBe("warn");
    expect(diskHealth(disk({ health: "PASSED", wearout: 3 }))).toBe("crit");
    expect(diskHealth(disk({ health: "FAILED" }))).toBe("crit");
    expect(diskHealth(disk({ health: "UNKNOWN", wearout: -1 }))).toBe("idle");
    expect(diskLifeLeft(disk({ wearout: -1 }))).toBeUndefined();
    expect(diskLifeLeft(disk({ wearout: 0 }))).toBe(0);
  });
});

it("reads Ceph's health in both of its forms", () => {
  const ceph = (health: string) => cephHealth({ id: "c", instance: "lab", name: "c", health });
  expect(["HEALTH_OK", "OK", "HEALTH_WARN", "HEALTH_ERR", "?"].map(ceph)).toEqual([
    "ok",
    "ok",
    "warn",
    "crit",
    "crit",
  ]);
});

it("calls a replication that never ran neither good nor bad", () => {
  const job = (parts: object) => replicationHealth({ id: "j", instance: "lab", jobId: "101-0", ...parts });
  expect(job({})).toBe("idle");
  expect(job({ lastSyncTime: 1 })).toBe("ok");
  expect(job({ lastSyncTime: 1, failCount: 1 })).toBe("crit");
  expect(job({ enabled: false, failCount: 1 })).toBe("idle");
});
