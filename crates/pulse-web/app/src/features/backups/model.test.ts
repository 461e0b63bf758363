import { describe, expect, it } from "vitest";
import type { Live } from "../../api/delta";
import type { Guest, PbsBackup, StorageBackup } from "../../api/types";
import {
  allBackups,
  backupsOf,
  calendar,
  DAY_MS,
  daysOfGuests,
  exposed,
  guestNames,
  lastDays,
  startOfDay,
} from "./model";

const NOW = new Date(2026, 10, 25, 12).getTime();
const pbs = (vmid: string, at: number, type = "vm"): Live<PbsBackup> => ({
  id: `pbs-${type}-${vmid}-${at}`,
  instance: "vault",
  datastore: "main",
  backupType: type,
  vmid,
  backupTime: new Date(at).toISOString(),
  size: 10,
  clockAt: 0,
});
const stored = (vmid: number, at: number, isPBS = false): Live<StorageBackup> => ({
  id: `lab-${vmid}-${at}`,
  instance: "lab",
  storage: "nfs",
  type: "qemu",
  vmid,
  ctime: Math.round(at / 1000),
  isPBS,
  clockAt: 0,
});
const guest = (parts: Partial<Guest>): Guest => ({
  id: "lab:n1:101",
  vmid: 101,
  name: "web",
  node: "n1",
  instance: "lab",
  status: "running",
  type: "qemu",
  ...parts,
});
const map = <T extends { id: string }>(...rows: T[]): Map<string, T> =>
  new Map(rows.map((row) => [row.id, row]));

describe("backups", () => {
  it("are not counted twice where the backup server itself is read", () => {
    const all = allBackups(map(pbs("101", NOW)), map(stored(101, NOW, true), stored(102, NOW)));
    expect([...all.values()].map((backup) => backup.where)).toEqual(["vault / main", "lab / nfs"]);
    expect(allBackups(new Map(), map(stored(101, NOW, true))).size).toBe(1);
  });

  it("belong to a guest by kind, number and cluster, the newest first", () => {
    const found = backupsOf(
      guest({}),
      map(pbs("101", NOW - DAY_MS), pbs("101", NOW, "ct"), pbs("1010", NOW)),
      map(stored(101, NOW)),
    );
    expect(found.map((backup) => backup.kind)).toEqual(["storage", "pbs"]);
  });
});

describe("the calendar", () => {
  it("has every day once, and counts what falls on it", () => {
    const all = allBackups(map(pbs("101", NOW), pbs("102", NOW), pbs("101", NOW - DAY_MS)), new Map());
    const days = calendar(all.values(), [NOW - DAY_MS], NOW, 30);
    expect(days).toHaveLength(30);
    expect(new Set(days.map((each) => each.at)).size).toBe(30);
    expect(days.at(-1)).toEqual({ at: startOfDay(NOW), count: 2, bytes: 20, failed: 0, isMissing: false });
    expect(days.at(-2)).toMatchObject({ count: 1, failed: 1 });
  });
});

it("marks the days on which nothing was backed up, but not before the first one, and not today", () => {
  const all = allBackups(map(pbs("101", NOW - 3 * DAY_MS), pbs("101", NOW - DAY_MS)), new Map());
  const days = calendar(all.values(), [], NOW, 6);
  expect(days.map((each) => each.isMissing)).toEqual([false, false, false, true, false, false]);
});

describe("unprotected guests", () => {
  const all = [
    guest({ id: "never" }),
    guest({ id: "old", lastBackup: NOW - 8 * DAY_MS }),
    guest({ id: "fresh", lastBackup: NOW - DAY_MS }),
    guest({ id: "template", template: true }),
  ];

  it("have no backup, or an old one; templates need none", () => {
    const found = exposed(all, undefined, NOW, 7);
    expect([...found.values()].map(({ guest: { id }, kind }) => [id, kind])).toEqual([
      ["never", "none"],
      ["old", "old"],
    ]);
    expect([...exposed(all, undefined, NOW, 0).keys()]).toEqual(["never"]);
  });

  it("are those of whom the server knows it: nothing is claimed of others", () => {
    const states = new Map([
      ["never", "unknown"],
      ["old", "protected"],
      ["fresh", "ambiguous"],
    ]);
    expect([...exposed(all, states, NOW, 7).keys()]).toEqual(["old"]);
    expect([...exposed(all, new Map([["never", "unprotected"]]), NOW, 0).keys()]).toEqual(["never"]);
    const unseen = guest({ id: "unseen", missing: { lastBackup: "the storage does not answer" } });
    expect(exposed([unseen], undefined, NOW, 7).size).toBe(0);
    // The attribution has seen a backup that the state does not show yet.
    expect(exposed([guest({ id: "new" })], new Map([["new", "protected"]]), NOW, 7).size).toBe(0);
  });
});

describe("the days of a guest", () => {
  const here = guest({ id: "here" });
  const there = guest({ id: "there", instance: "edge" });

  it("count its own backups, and mark what may be another's", () => {
    const days = lastDays(NOW, 3);
    const all = allBackups(map(pbs("101", NOW - DAY_MS)), map(stored(101, NOW), stored(101, NOW - DAY_MS)));
    const both = daysOfGuests([here, there], all.values(), days);
    expect(both.get("here")).toMatchObject({ counts: [0, 1, 1], unsure: [0, 1, 0] });
    expect(both.get("there")).toMatchObject({ counts: [0, 0, 0], unsure: [0, 1, 0] });
    expect(daysOfGuests([here], all.values(), days).get("here")).toMatchObject({ counts: [0, 2, 1] });
  });

  it("names a guest by its cluster, and by its number only where there is one", () => {
    const name = guestNames([here, guest({ id: "there", instance: "edge", name: "mail" })]);
    expect([name(101, "lab"), name("101", "edge"), name(101), name(7)]).toEqual([
      "web",
      "mail",
      undefined,
      undefined,
    ]);
  });
});
