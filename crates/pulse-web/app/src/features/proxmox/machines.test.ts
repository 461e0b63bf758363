import { expect, it } from "vitest";
import type { Live } from "../../api/delta";
import type { BackupServer, MailGateway } from "../../api/types";
import { type Machine, machineRank, machines } from "./machines";
import { cpuOf, diskOf, memoryOf } from "./model";

const vault: Live<BackupServer> = {
  id: "pbs-vault",
  name: "vault",
  status: "online",
  version: "3.4.1",
  clockAt: 7,
  cpu: 12,
  memoryUsed: 4,
  memoryTotal: 16,
  uptime: 100,
  datastores: [
    { name: "main", total: 100, used: 50 },
    { name: "archive", total: 300, used: 250 },
    { name: "gone", error: "not mounted" },
  ],
};
const mail: Live<MailGateway> = {
  id: "pmg-mail",
  name: "mail",
  status: "online",
  clockAt: 7,
  nodes: [
    { name: "mx1", cpu: 10, memory: 40, disk: 20, uptime: 50 },
    { name: "mx2", cpu: 30, memory: 20, disk: 25, uptime: 60 },
  ],
};
const row = (rows: ReadonlyMap<string, Machine>, id: string): Machine => {
  const found = rows.get(id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
};

it("has of a backup server the figures of a node, and all datastores together as its disk", () => {
  const found = row(machines(new Map([[vault.id, vault]]), new Map()), "pbs-vault");
  expect(cpuOf(found)).toBe(12);
  expect(memoryOf(found)).toEqual({ used: 4, total: 16, percent: 25 });
  expect(diskOf(found)).toEqual({ used: 300, total: 400, percent: 75 });
  expect(found).toMatchObject({ product: "pbs", pveVersion: "3.4.1", uptime: 100 });
});

it("has of a gateway its busiest node, in percent", () => {
  const found = row(machines(new Map(), new Map([[mail.id, mail]])), "pmg-mail");
  expect([cpuOf(found), memoryOf(found)?.percent, diskOf(found)?.percent]).toEqual([30, 40, 25]);
});

it("says why a figure is not there, and never 0", () => {
  const { datastores, cpu, memoryUsed, ...rest } = vault;
  expect([datastores?.length, cpu, memoryUsed]).toEqual([3, 12, 4]);
  const bare = { ...rest, missing: { cpu: "no right" } };
  const found = row(
    machines(new Map([[bare.id, bare]]), new Map([[mail.id, { ...mail, nodes: [] }]])),
    "pbs-vault",
  );
  expect([cpuOf(found), memoryOf(found), diskOf(found)]).toEqual([undefined, undefined, undefined]);
  expect(found.missing).toMatchObject({ cpu: "no right", disk: "the server reports no datastore" });
});

it("is the same row while nothing changed, below the nodes, and above them where it is broken or they scroll", () => {
  const rows = (server: Live<BackupServer>): Machine =>
    row(machines(new Map([[server.id, server]]), new Map()), server.id);
  expect(rows(vault)).toBe(rows(vault));
  const node = { ...rows(vault), product: undefined } as unknown as Machine;
  for (const [nodes, isAbove] of [
    [3, false],
    [100, true],
  ] as const) {
    const rank = machineRank(nodes);
    expect(rank(rows(vault)) < rank(node)).toBe(isAbove);
    expect(rank(rows({ ...vault, status: "offline" }))).toBe(0);
  }
});
