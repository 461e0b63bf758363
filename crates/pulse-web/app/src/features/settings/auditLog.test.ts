import { describe, expect, it } from "vitest";
import { type AuditFilter, edgeOf, eventName, linesOf, pageOf, shownRange, wishOf } from "./auditLog";

const filter = (more: Partial<AuditFilter>): AuditFilter => ({
  event: "",
  user: "",
  result: "all",
  from: "",
  until: "",
  page: 0,
  ...more,
});

describe("the audit log", () => {
  it("asks for what the filter says and nothing else", () => {
    expect(wishOf(filter({}))).toEqual({ limit: 50, offset: 0 });
    expect(wishOf(filter({ event: "login", user: " kim ", result: "false", page: 2 }))).toEqual({
      limit: 50,
      offset: 100,
      event: "login",
      user: "kim",
      success: "false",
    });
    const day = wishOf(filter({ from: "2026-11-20", until: "2026-11-20" }));
    expect(Date.parse(day.endTime ?? "") - Date.parse(day.startTime ?? "")).toBe(86_400_000 - 1);
  });

  it("takes no day for what is none", () => {
    for (const text of ["", "soon", "2026-11", "<b>", "2026-11-20T00:00"])
      expect(edgeOf(text, false)).toBeUndefined();
  });

  it("takes a page from the address only where it is one", () => {
    expect(pageOf("3")).toBe(3);
    for (const text of [undefined, "", "-1", "1.5", "x", "1e99", "NaN"]) expect(pageOf(text)).toBe(0);
    expect(shownRange(1, 7, 57)).toEqual({ first: 51, last: 57, total: 57 });
    expect(shownRange(0, 0, 0)).toEqual({ first: 0, last: 0, total: 0 });
  });

  it("takes addresses line by line", () => {
    expect(linesOf(" https://a/x \r\n\n https://b\nhttps://a/x")).toEqual(["https://a/x", "https://b"]);
    expect(linesOf(" \n")).toEqual([]);
  });

  it("says events in words, also what only a newer server knows", () => {
    expect(eventName("login")).toBe("Login");
    expect(eventName("toString")).toBe("toString");
  });
});
