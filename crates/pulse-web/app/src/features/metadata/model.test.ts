import { expect, it } from "vitest";
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
