import { expect, it } from "vitest";
import { silentInstances, toldLast, troubleOf } from "./trouble";

it("names the sources that do not answer, without what agents report", () => {
  expect(troubleOf({ lab: false, "pbs-vault": true, "host-1": false, "docker-1": false })).toEqual({
    failing: ["lab"],
    isAll: false,
  });
  expect(troubleOf({ lab: true, "host-1": false })).toBeUndefined();
  expect(troubleOf({})).toBeUndefined();
});

it("knows when nothing answers", () => {
  expect(troubleOf({ lab: false, "pbs-vault": false, "host-1": true })).toEqual({
    failing: ["lab", "vault"],
    isAll: true,
  });
});

it("knows whose rows are of before, and since when", () => {
  expect([...silentInstances({ lab: false, edge: true, "pbs-vault": false, "host-1": false })]).toEqual([
    "lab",
  ]);
  const rows = [
    { source: "lab", at: 5 },
    { source: "lab", at: 9 },
    { source: "edge", at: 11 },
    { source: "vault", at: 0 },
  ];
  expect([...toldLast(["lab", "vault"], rows)]).toEqual([["lab", 9]]);
});
