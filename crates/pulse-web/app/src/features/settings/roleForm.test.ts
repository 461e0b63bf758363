import { describe, expect, it } from "vitest";
import type { Permission, Role } from "../../api/roles";
import {
  gridOf,
  idFrom,
  idProblem,
  nextEffect,
  permissionsOf,
  permissionText,
  possibleParents,
  userProblem,
} from "./roleForm";

const role = (id: string, parentId = ""): Role => ({
  id,
  name: id,
  description: "",
  parentId,
  permissions: [],
  isBuiltIn: false,
  createdAt: "",
  updatedAt: "",
});

describe("a role as a grid", () => {
  it("goes there and back", () => {
    const permissions: Permission[] = [
      { action: "read", resource: "*", effect: "allow" },
      { action: "write", resource: "settings", effect: "deny" },
    ];
    const { grid, others } = gridOf(permissions);
    expect(others).toEqual([]);
    expect(permissionsOf(grid)).toEqual(permissions);
    expect(gridOf([{ action: "read", resource: "nodes" }]).grid).toEqual({ "read nodes": "allow" });
  });

  it("shows a cell that is allowed and denied as denied, in either order", () => {
    const both: Permission[] = [
      { action: "read", resource: "vms", effect: "deny" },
      { action: "read", resource: "vms" },
    ];
    expect(gridOf(both).grid).toEqual({ "read vms": "deny" });
    expect(gridOf(both.toReversed()).grid).toEqual({ "read vms": "deny" });
  });

  it("keeps apart what stands in no cell", () => {
    const odd: Permission[] = [
      { action: "read", resource: "nodes", conditions: { tag: "prod" } },
      { action: "fly", resource: "__proto__" },
      { action: "read", resource: "nodes", effect: "perhaps" },
    ];
    expect(gridOf(odd)).toEqual({ grid: {}, others: odd });
  });

  it("goes round", () => {
    expect(nextEffect(nextEffect(nextEffect(undefined)))).toBeUndefined();
  });

  it("is said in words, also what nobody knows", () => {
    expect(permissionText({ action: "write", resource: "alerts" })).toBe("Change: Alerts");
    expect(permissionText({ action: "read", resource: "vms", effect: "deny" })).toBe(
      "not Read: Virtual machines",
    );
    expect(permissionText({ action: "constructor", resource: "<b>" })).toBe("constructor: <b>");
    expect(permissionText({ action: "read", resource: "vms", conditions: { a: "b" } })).toContain("never");
  });
});

describe("ids and names", () => {
  it("are made from names", () => {
    expect(idFrom("Nachtschicht Übersee (2)")).toBe("nachtschicht-ubersee-2");
    expect(idFrom("夜")).toBe("");
    expect(idFrom("x".repeat(10_000))).toHaveLength(64);
  });

  it("are held to what the server takes", () => {
    expect(idProblem("night", [])).toBeUndefined();
    expect(idProblem("night", [role("night")])).toContain("already");
    for (const id of ["", "a b", "../x", "<b>", "x".repeat(65)]) expect(idProblem(id, [])).toBeDefined();
    expect(userProblem("kim@example.org")).toBeUndefined();
    for (const name of ["", "k m", "\u202emik", "x".repeat(129)]) expect(userProblem(name)).toBeDefined();
  });

  it("build on each other in no circle", () => {
    const roles = [role("a"), role("b", "a"), role("c", "b"), role("d"), role("x", "y"), role("y", "x")];
    expect(possibleParents("a", roles).map((each) => each.id)).toEqual(["d", "x", "y"]);
    expect(possibleParents("x", roles).map((each) => each.id)).toEqual(["a", "b", "c", "d"]);
    expect(possibleParents("", roles).map((each) => each.id)).toContain("d");
  });
});
