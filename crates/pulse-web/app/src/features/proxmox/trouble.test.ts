import { expect, it } from "vitest";
import { troubleOf } from "./trouble";

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
