import { describe, expect, it } from "vitest";
import { applyDelta, type Delta, fromState, type Model } from "./delta";
import { Packer } from "./figures";
import { DenseRows, fieldsRead, JoinedRows } from "./rows";
import type { Guest, WireState } from "./types";

const guest = (id: string, more: Partial<Guest> = {}): Guest =>
  ({
    id,
    vmid: 100,
    name: `name of ${id}`,
    node: "n1",
    instance: "lab",
    status: "running",
    type: "qemu",
    cpu: 0.1,
    memory: { total: 8, used: 2, usage: 25 },
    mem: 2,
    uptime: 50,
    ...more,
  }) as Guest;

const state = (): WireState => ({ vms: [guest("a"), guest("b"), guest("c")], lastUpdate: 1000 });

/** The way from the server to the page, and the same without figures apart. */
function both(): { send: (set: object, remove?: string[]) => void; model: () => Model; plain: () => Model } {
  const packer = new Packer();
  packer.restart(state());
  let model = fromState(1, state());
  let plain = fromState(1, state());
  return {
    send: (set, remove = []) => {
      const delta = {
        version: model.version + 1,
        base: model.version,
        collections: { vms: { set, remove } },
        fields: { lastUpdate: model.lastUpdate + 1000 },
      } as Delta;
      plain = applyDelta(plain, structuredClone(delta)) as Model;
      model = applyDelta(model, packer.pack(structuredClone(delta))) as Model;
    },
    model: () => model,
    plain: () => plain,
  };
}

const vms = (model: Model): DenseRows<Guest> => model.collections.vms as DenseRows<Guest>;

describe("figures", () => {
  it("lead to the same rows as without them, whatever comes and however late anybody looks", () => {
    const way = both();
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    const ids = ["a", "b", "c", "d", "e"];
    for (let step = 0; step < 400; step += 1) {
      const set: Record<string, object> = {};
      for (const id of ids) {
        const present = way.plain().collections.vms.get(id);
        const n = random(100);
        if (present === undefined) {
          if (random(4) === 0) set[id] = guest(id, { cpu: n });
          continue;
        }
        const changes: object[] = [
          {},
          { cpu: n, networkIn: n * 2 },
          { memory: { total: 8, used: n, usage: n } },
          { memory: { total: 8, used: n, usage: n, swapUsed: 1 } },
          { memory: {} },
          { memory: { used: n } },
          { memory: { used: n, usage: 7 } },
          { memory: { total: 100 + n } },
          { memory: { usage: n } },
          { memory: { used: n, swapUsed: null }, cpu: n },
          { memory: { used: n }, mem: n + 1 },
          { memory: { used: n, free: 3 } },
          { mem: n },
          { vanishing: { a: n } },
          { vanishing: { a: n, b: 1 } },
          { memory: null },
          { cpu: null },
          { uptime: n },
          { status: n > 50 ? "running" : "stopped", cpu: n },
          { disks: [{ used: n, total: 100 }] },
        ];
        set[id] = changes[random(changes.length)] ?? {};
      }
      const gone = random(9) === 0 ? ids.filter((id) => way.plain().collections.vms.has(id)).slice(0, 1) : [];
      for (const id of gone) delete set[id];
      way.send(set, gone);
      if (random(3) === 0) expect([...vms(way.model()).values()]).toEqual([...vms(way.plain()).values()]);
    }
    expect([...vms(way.model())]).toEqual([...vms(way.plain())]);
  });

  it("make a new object of a row only when it is looked at", () => {
    const way = both();
    const before = vms(way.model()).get("a");
    way.send({ a: { cpu: 0.4 } });
    way.send({ a: { memory: { total: 8, used: 4, usage: 50 } } });
    const after = vms(way.model()).get("a");
    expect(after).toMatchObject({ cpu: 0.4, memory: { used: 4, usage: 50 } });
    expect(before).toMatchObject({ cpu: 0.1, memory: { used: 2 } });
    expect(vms(way.model()).get("a")).toBe(after);
  });
});

describe("what changed", () => {
  const names = new Set(["name", "status"]);
  const cpu = new Set(["cpu"]);

  it("is asked by field", () => {
    const way = both();
    const first = vms(way.model());
    way.send({ a: { cpu: 0.4 } });
    const second = vms(way.model());
    expect(second.hasChanged(first, names)).toBe(false);
    expect(second.hasChanged(first, cpu)).toBe(true);
    way.send({ b: { status: "stopped" } });
    const third = vms(way.model());
    expect(third.hasChanged(second, names)).toBe(true);
    expect(third.hasChanged(second, cpu)).toBe(false);
    expect(third.hasChanged(first, cpu)).toBe(true);
  });

  it("is everything where rows come or go, or the state is another", () => {
    const way = both();
    const first = vms(way.model());
    way.send({}, ["c"]);
    expect(vms(way.model()).hasChanged(first, cpu)).toBe(true);
    expect(vms(fromState(1, state())).hasChanged(vms(way.model()), cpu)).toBe(true);
  });

  it("is known of two together", () => {
    const way = both();
    const other = DenseRows.of([guest("z")], 0);
    const before = new JoinedRows(way.model().collections.vms, other);
    way.send({ a: { cpu: 0.9 } });
    const after = new JoinedRows(way.model().collections.vms, other);
    expect(after.hasChanged(before, names)).toBe(false);
    expect(after.hasChanged(before, cpu)).toBe(true);
    expect(after.size).toBe(4);
    expect([...after.keys()]).toEqual(["a", "b", "c", "z"]);
    expect(after.get("z")?.id).toBe("z");
  });
});

it("names the fields that were read", () => {
  const read = fieldsRead([guest("a"), guest("b", { status: "stopped" })], (row) =>
    row.status === "running" ? row.name : (row.memory?.used ?? 0),
  );
  expect([...read].sort()).toEqual(["memory", "name", "status"]);
});
