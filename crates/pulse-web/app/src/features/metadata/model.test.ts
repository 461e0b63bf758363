import { expect, it } from "vitest";
import { linksOf } from "./links";
import { linkError, notesOf } from "./model";

it("takes only links that lead somewhere harmless", () => {
  for (const good of ["", "  ", "http://wiki.lan/x", "https://10.0.0.1:8443"])
    expect(linkError(good), good).toBeUndefined();
  for (const bad of ["javascript:alert(1)", "wiki.lan", "https://", "data:text/html,x", "http://host."])
    expect(linkError(bad), bad).toBeDefined();
});

it("makes a note of each line that says something", () => {
  expect(notesOf("one\n\n  two  \n")).toEqual(["one", "  two"]);
});

it("offers only harmless links in tables, whatever an older server or a script stored", () => {
  const links = linksOf({
    a: { customUrl: " https://wiki.lan/a " },
    b: { customUrl: "javascript:alert(1)" },
    c: { notes: ["no link"] },
    d: { customUrl: "" },
  });
  expect([...links]).toEqual([["a", "https://wiki.lan/a"]]);
});
