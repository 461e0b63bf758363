import { describe, expect, it } from "vitest";
import { matches, parseFilter } from "../../state/filter";
import {
  backupHealth,
  cpuOf,
  diskCuts,
  diskOf,
  fileSystemsOf,
  GUEST_FIELDS,
  type LiveGuest,
  memoryMarks,
  memoryOf,
  rateOf,
  tagsOf,
} from "./model";

const guest = (parts: Partial<LiveGuest>): LiveGuest => ({
  id: "lab:n1:101",
  vmid: 101,
  name: "web-1",
  node: "n1",
  instance: "lab",
  status: "running",
  type: "qemu",
  clockAt: 0,
  ...parts,
});

describe("unknown is never 0", () => {
  it("takes a measured zero as a zero", () => {
    expect(cpuOf(guest({ cpu: 0 }))).toBe(0);
    expect(rateOf(guest({ networkIn: 0 }), "networkIn")).toBe(0);
  });

  it("takes what the server calls missing as unknown, whatever number stands there", () => {
    expect(cpuOf(guest({ cpu: 0, missing: { cpu: "why" } }))).toBeUndefined();
    expect(rateOf(guest({ diskRead: 0, missing: { diskRead: "why" } }), "diskRead")).toBeUndefined();
    expect(
      diskOf(guest({ disk: { total: 10, used: 0 }, diskStatusReason: "agent-disabled" })),
    ).toBeUndefined();
  });

  it("knows nothing of a guest that does not run, or of a total of 0", () => {
    expect(cpuOf(guest({ cpu: 0, status: "stopped" }))).toBeUndefined();
    expect(memoryOf(guest({ memory: { total: 0, used: 0 } }))).toBeUndefined();
    expect(memoryOf(guest({}))).toBeUndefined();
    expect(diskOf(guest({ disk: { total: 32, used: 0, usage: -1 } }))).toBeUndefined();
  });
});

describe("guests", () => {
  it("works out a percentage where none was sent", () => {
    expect(memoryOf(guest({ memory: { total: 8, used: 2 } }))?.percent).toBe(25);
  });

  it("splits tags", () => {
    expect(tagsOf(guest({ tags: "prod, web;db," }))).toEqual(["prod", "web", "db"]);
    expect(tagsOf(guest({}))).toEqual([]);
  });

  it("is found by its fields", () => {
    const terms = (text: string) => parseFilter(text, Object.keys(GUEST_FIELDS.fields));
    const one = guest({ cpu: 0.9, tags: "prod", ipAddresses: ["192.0.2.7"] });
    for (const text of ["cpu>80 node:n1 tag:prod", "web 192.0.2", "101", "type:vm", "-tag:test"]) {
      expect(matches(one, terms(text), GUEST_FIELDS), text).toBe(true);
    }
    for (const text of ["cpu<80", "type:ct", "tag:test", "status:stopped"]) {
      expect(matches(one, terms(text), GUEST_FIELDS), text).toBe(false);
    }
  });

  it("judges the age of a backup", () => {
    const now = 100 * 86_400_000;
    expect(backupHealth(guest({}), now)).toBe("idle");
    expect(backupHealth(guest({ lastBackup: now - 3_600_000 }), now)).toBe("ok");
    expect(backupHealth(guest({ lastBackup: now - 3 * 86_400_000 }), now)).toBe("warn");
    expect(backupHealth(guest({ lastBackup: now - 30 * 86_400_000 }), now)).toBe("crit");
  });
});

describe("bars of guests", () => {
  const base = {
    id: "g",
    vmid: 1,
    name: "g",
    node: "n",
    instance: "i",
    status: "running",
    type: "lxc",
  } as const;
  const memory = { total: 100, used: 50, free: 50, usage: 50 };

  it("mark a balloon that limits, and the use of swap", () => {
    expect(memoryMarks({ ...base, memory: { ...memory, balloon: 60 } })).toEqual({
      at: [60],
      below: undefined,
    });
    expect(memoryMarks({ ...base, memory: { ...memory, swapTotal: 10, swapUsed: 4 } })).toEqual({
      at: [],
      below: 40,
    });
    expect(memoryMarks({ ...base, memory: { ...memory, balloon: 100 } })).toBeUndefined();
    expect(memoryMarks({ ...base, status: "stopped", memory: { ...memory, balloon: 60 } })).toBeUndefined();
  });

  it("are cut between file systems, the fullest first; one alone needs no cut", () => {
    const fs = (mountpoint: string, used: number, total: number) => ({
      mountpoint,
      used,
      total,
      free: total - used,
      usage: (used / total) * 100,
    });
    const systems = fileSystemsOf({ ...base, disks: [fs("/", 10, 100), fs("/var", 30, 32)] });
    expect(systems.map((each) => each.name)).toEqual(["/var", "/"]);
    expect(diskCuts(systems, 40)).toEqual([30]);
    expect(fileSystemsOf({ ...base, disks: [fs("/", 10, 100)] })).toEqual([]);
    expect(diskCuts([], 40)).toEqual([]);
  });
});
