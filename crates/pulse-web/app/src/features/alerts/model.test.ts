import { expect, it } from "vitest";
import { heat, isAbout, raisedBy, resourceHref, snoozes } from "./model";

it("puts each alert into its piece, and shows the worst", () => {
  const slots = heat(
    [
      { at: 0, level: "warning" },
      { at: 15, level: "warning" },
      { at: 19, level: "critical" },
      { at: 40, level: "warning" },
      { at: -5, level: "critical" },
    ],
    0,
    40,
    4,
  );
  expect(slots.map((slot) => slot.count)).toEqual([1, 2, 0, 1]);
  expect(slots.map((slot) => slot.level)).toEqual(["warn", "crit", "none", "warn"]);
});

it("leads to the page that shows the resource", () => {
  const href = (resourceId: string): string => resourceHref({ resourceId, id: "x" });
  expect(href("lab:n1:101")).toBe("/proxmox?open=lab%3An1%3A101");
  expect(href("host:nas/disk:sda")).toBe("/hosts?open=nas");
  expect(href("docker:d1/c1")).toBe("/docker?open=d1%2Fc1");
});

it("counts the disks of a machine to the machine", () => {
  const about = (resourceId: string): boolean => isAbout({ resourceId }, "host:nas");
  expect(["host:nas", "host:nas/disk:sda", "host:nas-disk-root", "host:nas2", "host:na"].map(about)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});

it("knows what is snoozed until when, and forgets what is over", () => {
  const at = (minutes: number): string => new Date(minutes * 60_000).toISOString();
  const alerts = [
    { id: "a", metadata: { snoozedUntil: at(90) } },
    { id: "b", metadata: { snoozedUntil: at(20) } },
    { id: "c", metadata: {} },
    { id: "d" },
  ];
  expect([...snoozes(alerts, 30 * 60_000)]).toEqual([["a", 90 * 60_000]]);
});

it("tells for each resource how much is raised, and the worst of it", () => {
  const alert = (resourceId: string, level: string, message: string, acknowledged = false) => ({
    resourceId,
    level,
    message,
    acknowledged,
  });
  const all = raisedBy([
    alert("lab:n1:101", "warning", "cpu"),
    alert("lab:n1:101-disk-0", "critical", "disk"),
    alert("host:nas/sda", "warning", "smart"),
    alert("lab:n1:102", "critical", "seen", true),
  ]);
  expect(all.get("lab:n1:101")).toEqual({ count: 2, isCritical: true, message: "disk" });
  expect(all.get("host:nas")).toMatchObject({ count: 1, message: "smart" });
  expect(all.has("lab:n1:102")).toBe(false);
});
