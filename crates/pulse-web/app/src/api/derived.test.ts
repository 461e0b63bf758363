import { describe, expect, it } from "vitest";
import { take } from "./derived";

function told(row: object, change: object): object {
  const next = { ...row } as Record<string, unknown>;
  take(next, change as Record<string, unknown>);
  return next;
}

const memory = { used: 25, total: 100, free: 75, usage: 25, balloon: 50 };

describe("what follows from what was told", () => {
  it("is the free bytes, the percentage and the repeated figure", () => {
    expect(told({ memory, mem: 25 }, { memory: { used: 33 } })).toEqual({
      memory: { used: 33, total: 100, free: 67, usage: 33, balloon: 50 },
      mem: 33,
    });
    expect(told({ disk: memory }, { disk: { used: 1, total: 3 } })).toEqual({
      disk: { used: 1, total: 3, free: 2, usage: 33.33, balloon: 50 },
    });
  });

  it("is never worked out where the server gave none before", () => {
    expect(told({ memory: { used: 1, total: 4 } }, { memory: { used: 2 } })).toEqual({
      memory: { used: 2, total: 4 },
    });
    expect(told({}, { memory: { used: 2, total: 4 } })).toEqual({ memory: { used: 2, total: 4 } });
    expect(told({ memory }, { memory: { used: 2, usage: null } })).toEqual({
      memory: { used: 2, total: 100, free: 98, balloon: 50 },
    });
  });

  it("gives way to what was told", () => {
    expect(told({ memory, mem: 25 }, { memory: { used: 30, free: 60, usage: 40 }, mem: 29 })).toEqual({
      memory: { used: 30, total: 100, free: 60, usage: 40, balloon: 50 },
      mem: 29,
    });
    // −1 says that only the size is known.
    const size = { used: 0, total: 100, free: 0, usage: -1 };
    expect(told({ disk: size }, { disk: { total: 120, free: 0, usage: -1 } })).toEqual({
      disk: { used: 0, total: 120, free: 0, usage: -1 },
    });
    expect(told({ memory: { used: 1, total: 0, free: 0, usage: 0 } }, { memory: { used: 2 } })).toEqual({
      memory: { used: 2, total: 0, free: 0, usage: 0 },
    });
  });

  it("leaves parts that were not told, and other objects are told whole", () => {
    expect(
      told(
        { blockIo: { readBytes: 1, readRate: 2 }, sensors: { a: 1, b: 2 } },
        { blockIo: { readRate: 3 }, sensors: { a: 2 } },
      ),
    ).toEqual({ blockIo: { readBytes: 1, readRate: 3 }, sensors: { a: 2 } });
    expect(told({ memory, cpu: 1 }, { memory: null })).toEqual({ cpu: 1 });
  });
});
