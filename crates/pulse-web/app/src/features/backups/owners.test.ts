import { expect, it } from "vitest";
import type { BackupCoverage } from "../../api/backups";
import type { Guest } from "../../api/types";
import type { Backup } from "./model";
import { daysOf, ownBackups, sharesNumber } from "./owners";

const guest = (instance: string): Guest => ({
  id: `${instance}:n1:100`,
  vmid: 100,
  name: "web",
  node: "n1",
  instance,
  status: "running",
  type: "qemu",
});
const DAY = new Date(2026, 10, 25).getTime();
const backup = (namespace: string, kind: "pbs" | "storage" = "pbs"): Backup => ({
  id: `${kind}/${namespace}`,
  kind,
  type: "vm",
  vmid: "100",
  instance: kind === "pbs" ? "vault" : "berlin",
  at: DAY + 3_600_000,
  where: "",
  place: kind === "pbs" ? "main" : "nfs",
  namespace,
  size: 1,
  isProtected: false,
  isVerified: false,
  notes: "",
  owner: "",
});
const ALL = [backup("berlin"), backup("paris"), backup(""), backup("", "storage")];

const coverage = (instance: string): Pick<BackupCoverage, "guests" | "unattributed"> => ({
  guests: [
    {
      id: `${instance}:n1:100`,
      instance,
      vmid: 100,
      type: "qemu",
      name: "web",
      node: "n1",
      state: "protected",
      backupCount: 1,
      sources: [
        {
          type: "pbs",
          instance: "vault",
          place: "main",
          namespace: instance,
          attributedBy: "namespace",
          backupCount: 1,
          lastBackup: "2026-11-25T01:00:00Z",
        },
      ],
    },
  ],
  unattributed: [
    {
      state: "ambiguous",
      reason: "two guests have that number",
      candidates: [
        { instance: "berlin", vmid: 100 },
        { instance: "paris", vmid: 100 },
      ],
      type: "pbs",
      instance: "vault",
      place: "main",
      backupType: "vm",
      vmid: "100",
      backupCount: 1,
    },
  ],
});

it("gives each cluster's guest its own, and both what may be of either, with the reason", () => {
  const of = (instance: string): [string, string | undefined][] =>
    ownBackups(guest(instance), ALL, coverage(instance), true, "").map((each) => [
      each.backup.id,
      each.doubt,
    ]);
  expect(of("berlin")).toEqual([
    ["pbs/berlin", undefined],
    ["pbs/", "two guests have that number"],
    ["storage/", undefined],
  ]);
  expect(of("paris").map(([id]) => id)).toEqual(["pbs/paris", "pbs/", "storage/"]);
});

it("leaves out what is of a guest that is gone", () => {
  const gone = coverage("berlin");
  gone.unattributed = gone.unattributed.map((each) => ({ ...each, state: "orphan", candidates: [] }));
  expect(ownBackups(guest("berlin"), ALL, gone, true, "").map((each) => each.backup.id)).toEqual([
    "pbs/berlin",
    "storage/",
  ]);
});

it("doubts a shared number while the server has not answered, and none that nobody shares", () => {
  const shared = ownBackups(guest("berlin"), ALL, undefined, true, "shared");
  expect(shared.map((each) => each.doubt)).toEqual(["shared", "shared", "shared", undefined]);
  expect(daysOf(shared, [DAY - 86_400_000, DAY])).toEqual({ counts: [0, 1], unsure: [0, 3] });
  expect(ownBackups(guest("berlin"), ALL, undefined, false, "shared").every((each) => !each.doubt)).toBe(
    true,
  );
  expect(sharesNumber(guest("berlin"), [guest("berlin"), guest("paris")])).toBe(true);
  expect(sharesNumber(guest("berlin"), [guest("berlin"), { ...guest("paris"), type: "lxc" }])).toBe(false);
});
