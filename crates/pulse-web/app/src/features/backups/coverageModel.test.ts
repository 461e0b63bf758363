import { expect, it } from "vitest";
import { unclearBackups, unclearGuests } from "./coverageModel";

const guest = (state: string) => ({
  id: state,
  instance: "lab",
  vmid: 101,
  type: "qemu",
  name: state,
  node: "n1",
  state,
  backupCount: 2,
  sources: [],
});

it("names the guests that are not plain, ambiguous ones first", () => {
  const found = unclearGuests([
    guest("unknown"),
    guest("protected"),
    guest("unprotected"),
    guest("ambiguous"),
  ]);
  expect(found.map((each) => each.state)).toEqual(["ambiguous", "unknown"]);
  expect(found[0]).toMatchObject({ name: "ambiguous (101)", where: "lab / n1", at: undefined });
});

it("names whom an ambiguous group may be of", () => {
  const [found] = unclearBackups([
    {
      state: "ambiguous",
      reason: "two clusters have it",
      type: "pbs",
      instance: "vault",
      place: "main",
      backupType: "vm",
      vmid: "100",
      backupCount: 3,
      candidates: [
        { instance: "a", vmid: 100 },
        { instance: "b", vmid: 100 },
      ],
    },
  ]);
  expect(found).toMatchObject({ name: "vm/100", where: "vault / main", candidates: ["a 100", "b 100"] });
});
