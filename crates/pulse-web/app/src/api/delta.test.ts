import { describe, expect, it } from "vitest";
import { applyDelta, type Delta, fromState, type Model, uptimeAt } from "./delta";
import type { WireState } from "./types";

const STATE: WireState = {
  nodes: [{ id: "lab-n1", name: "n1", instance: "lab", status: "online", cpu: 0.1, uptime: 100 }],
  vms: [
    {
      id: "lab:n1:101",
      vmid: 101,
      name: "web",
      node: "n1",
      instance: "lab",
      status: "running",
      type: "qemu",
      cpu: 0.2,
      uptime: 50,
      lock: "backup",
    },
    {
      id: "lab:n1:102",
      vmid: 102,
      name: "db",
      node: "n1",
      instance: "lab",
      status: "stopped",
      type: "qemu",
      uptime: 0,
    },
  ],
  dockerHosts: [
    {
      id: "d1",
      hostname: "docker-1",
      status: "online",
      containers: [
        { id: "c1", name: "nginx", cpuPercent: 1, health: "healthy" },
        { id: "c2", name: "redis", cpuPercent: 2 },
      ],
    },
  ],
  lastUpdate: 10_000,
  connectionHealth: { lab: true },
};

const model = (): Model => fromState(7, STATE);

function apply(delta: Partial<Delta>): Model {
  const next = applyDelta(model(), { version: 8, base: 7, ...delta });
  if (next === undefined) throw new Error("the delta was refused");
  return next;
}

describe("snapshot", () => {
  it("keeps rows by id and takes absent lists as empty", () => {
    expect([...model().collections.vms.keys()]).toEqual(["lab:n1:101", "lab:n1:102"]);
    expect(model().collections.hosts.size).toBe(0);
    expect(fromState(1, { nodes: null }).collections.nodes.size).toBe(0);
  });
});

describe("delta", () => {
  it("is refused on another base and leaves the model alone", () => {
    const before = model();
    expect(applyDelta(before, { version: 9, base: 8 })).toBeUndefined();
    expect(applyDelta(before, { version: 7, base: 6 })).toBeUndefined();
    expect(before.version).toBe(7);
  });

  it("changes only what it names", () => {
    const before = model();
    const db = before.collections.vms.get("lab:n1:102");
    const web = before.collections.vms.get("lab:n1:101");
    const after = applyDelta(before, {
      version: 8,
      base: 7,
      collections: { vms: { set: { "lab:n1:101": { cpu: 0.9 } } } },
      fields: { lastUpdate: 20_000 },
    });
    expect(after?.version).toBe(8);
    expect(after?.lastUpdate).toBe(20_000);
    expect(after?.collections.vms.get("lab:n1:101")).toMatchObject({ cpu: 0.9, name: "web" });
    // The same objects: nothing that shows them has to be painted again.
    expect(after?.collections.vms.get("lab:n1:102")).toBe(db);
    expect(after?.collections.nodes).toBe(before.collections.nodes);
    expect(web?.cpu).toBe(0.2);
  });

  it("removes fields with null, rows by id, and adds new rows", () => {
    const after = apply({
      collections: {
        vms: {
          set: { "lab:n1:101": { lock: null }, "lab:n1:103": { vmid: 103, name: "new", status: "running" } },
          remove: ["lab:n1:102"],
        },
      },
    });
    expect(after.collections.vms.get("lab:n1:101")).not.toHaveProperty("lock");
    expect([...after.collections.vms.keys()]).toEqual(["lab:n1:101", "lab:n1:103"]);
    expect(after.collections.vms.get("lab:n1:103")).toMatchObject({ id: "lab:n1:103", name: "new" });
  });

  it("changes containers inside their host by id", () => {
    const after = apply({
      collections: {
        dockerHosts: {
          set: {
            d1: {
              cpuUsagePercent: 4,
              containers: {
                set: { c1: { cpuPercent: 9, health: null }, c3: { name: "cron", cpuPercent: 0 } },
                remove: ["c2"],
              },
            },
          },
        },
      },
    });
    const host = after.collections.dockerHosts.get("d1");
    expect(host).toMatchObject({ hostname: "docker-1", cpuUsagePercent: 4 });
    expect(host?.containers).toEqual([
      { id: "c1", name: "nginx", cpuPercent: 9 },
      { id: "c3", name: "cron", cpuPercent: 0 },
    ]);
  });

  it("knows containers by the beginning of their ids", () => {
    const long = (start: string): string => start.padEnd(64, "0");
    const from = fromState(1, {
      dockerHosts: [
        {
          id: "d1",
          hostname: "docker-1",
          status: "online",
          containers: [
            { id: long("aaaaaaaaaaaa"), name: "one", cpuPercent: 1 },
            { id: long("bbbbbbbbbbbb"), name: "two", cpuPercent: 1 },
            { id: long("cccccccccccc1"), name: "three", cpuPercent: 1 },
            { id: long("cccccccccccc2"), name: "four", cpuPercent: 1 },
          ],
        },
      ],
    });
    const fresh = long("dddddddddddd");
    const set = {
      aaaaaaaaaaaa: { cpuPercent: 2 },
      [long("cccccccccccc2")]: { cpuPercent: 3 },
      [fresh]: { id: fresh, name: "new" },
    };
    const containers = { set, remove: ["bbbbbbbbbbbb"] };
    const after = applyDelta(from, {
      version: 2,
      base: 1,
      collections: { dockerHosts: { set: { d1: { containers } } } },
    });
    expect(after?.collections.dockerHosts.get("d1")?.containers).toEqual([
      { id: long("aaaaaaaaaaaa"), name: "one", cpuPercent: 2 },
      { id: long("cccccccccccc1"), name: "three", cpuPercent: 1 },
      { id: long("cccccccccccc2"), name: "four", cpuPercent: 3 },
      { id: fresh, name: "new" },
    ]);
  });

  it("takes a whole list of containers for a new host", () => {
    const after = apply({
      collections: {
        dockerHosts: { set: { d2: { hostname: "x", containers: [{ id: "c9", name: "one" }] } } },
      },
    });
    expect(after.collections.dockerHosts.get("d2")?.containers).toHaveLength(1);
  });

  it("ignores collections that the page does not keep", () => {
    expect(apply({ collections: { somethingNew: { set: { a: { b: 1 } } } } }).version).toBe(8);
  });

  it("replaces the health of connections", () => {
    expect(apply({ fields: { connectionHealth: { lab: false } } }).connectionHealth).toEqual({ lab: false });
    expect(apply({}).connectionHealth).toEqual({ lab: true });
  });
});

describe("clocks", () => {
  const guest = (of: Model, id: string) => {
    const row = of.collections.vms.get(id);
    if (row === undefined) throw new Error(`no ${id}`);
    return row;
  };

  it("go on by themselves while the server does not send them", () => {
    const after = apply({
      collections: { vms: { set: { "lab:n1:101": { cpu: 0.3 } } } },
      fields: { lastUpdate: 40_000 },
    });
    expect(uptimeAt(guest(after, "lab:n1:101"), after.lastUpdate)).toBe(80);
  });

  it("start again when the server sends one", () => {
    const after = apply({
      collections: { vms: { set: { "lab:n1:101": { uptime: 3 } } } },
      fields: { lastUpdate: 40_000 },
    });
    expect(uptimeAt(guest(after, "lab:n1:101"), 45_000)).toBe(8);
  });

  it("say nothing for what does not run", () => {
    expect(uptimeAt(guest(model(), "lab:n1:102"), 99_000)).toBeUndefined();
  });

  it("stand still while offline", () => {
    expect(uptimeAt({ uptime: 100, status: "offline", clockAt: 0 }, 50_000)).toBe(100);
  });
});
