import { describe, expect, it } from "vitest";
import type { AgentCommand } from "../../api/commands";
import { outcomeOf, shownCommands, tookSeconds } from "./commandTrail";

const command = (more: Partial<AgentCommand>): AgentCommand => ({
  id: "1",
  by: "admin",
  at: "2026-11-20T10:00:00Z",
  hostId: "h1",
  hostname: "nas",
  target: "host",
  command: "df -h",
  ...more,
});

describe("the trail of commands", () => {
  const all = [
    command({ id: "a", outcome: "completed", exitCode: 0 }),
    command({ id: "b", outcome: "refused", command: "reboot", by: "<b>kim</b>" }),
    command({ id: "c" }),
    command({ id: "d", outcome: "failed", error: "No such file", hostname: "Web" }),
  ];
  const ids = (text: string, outcome: Parameters<typeof shownCommands>[2]): string =>
    shownCommands(all, text, outcome)
      .map((each) => each.id)
      .join("");

  it("is filtered by what came of it", () => {
    expect(ids("", "all")).toBe("abcd");
    expect(ids("", "good")).toBe("a");
    expect(ids("", "bad")).toBe("bd");
    expect(ids("", "open")).toBe("c");
  });

  it("is filtered by words that stand anywhere, all of them", () => {
    expect(ids("KIM boot", "all")).toBe("b");
    expect(ids("web such", "all")).toBe("d");
    expect(ids("web boot", "all")).toBe("");
    expect(ids("  ", "all")).toBe("abcd");
  });

  it("says what came of it, also what only a newer server knows", () => {
    expect(outcomeOf({ outcome: "completed" })).toEqual({ health: "ok", text: "done" });
    expect(outcomeOf({ outcome: "constructor" })).toEqual({ health: "idle", text: "constructor" });
    expect(outcomeOf({}).health).toBe("idle");
  });

  it("knows how long it took only where both ends are known", () => {
    expect(tookSeconds({ at: "2026-11-20T10:00:00Z", endedAt: "2026-11-20T10:00:02.5Z" })).toBe(2.5);
    expect(tookSeconds({ at: "2026-11-20T10:00:00Z" })).toBeUndefined();
    expect(tookSeconds({ at: "2026-11-20T10:00:00Z", endedAt: "2026-11-20T09:00:00Z" })).toBeUndefined();
  });
});
