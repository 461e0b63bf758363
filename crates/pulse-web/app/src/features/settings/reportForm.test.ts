import { describe, expect, it } from "vitest";
import { findSubjects, momentsOf, OFFERED, type Subject, shortName, subjects } from "./reportForm";

const empty = {
  nodes: [],
  guests: [],
  storage: [],
  hosts: [],
  dockerHosts: [],
  backupServers: [],
  mailGateways: [],
  clusters: [],
};

describe("what a report can be about", () => {
  it("is everything whose history is kept, by the id that the history has", () => {
    const all = subjects({
      ...empty,
      nodes: [{ id: "lab-n1", name: "n1", instance: "lab", status: "online" }],
      guests: [
        {
          id: "lab:n1:101",
          vmid: 101,
          name: "web",
          node: "n1",
          instance: "lab",
          status: "running",
          type: "qemu",
        },
        {
          id: "lab:n1:102",
          vmid: 102,
          name: "dns",
          node: "n1",
          instance: "lab",
          status: "running",
          type: "lxc",
        },
      ],
    });
    expect(all.map((each) => each.key)).toEqual(["node lab-n1", "vm lab:n1:101", "container lab:n1:102"]);
  });

  it("is found by words of its name, its place and its id", () => {
    const subject = (name: string, note = "VM 1"): Subject => ({
      key: name,
      resourceType: "vm",
      resourceId: name,
      name,
      note,
    });
    const all = [subject("a web"), subject("web"), subject("<b>db</b>", "VM 7, n1")];
    const names = (text: string) => findSubjects(all, text).offered.map((each) => each.name);
    expect(names("WEB")).toEqual(["web", "a web"]);
    expect(names("n1 db")).toEqual(["<b>db</b>"]);
    expect(names("nothing")).toEqual([]);
    const many = Array.from({ length: 5_000 }, (_, at) => subject(`vm${at}`));
    expect(findSubjects(many, "vm")).toMatchObject({ total: 5_000 });
    expect(findSubjects(many, "").offered).toHaveLength(OFFERED);
  });

  it("has a name of one line", () => {
    expect(shortName("x".repeat(10_000))).toHaveLength(60);
    expect(shortName("web")).toBe("web");
  });
});

describe("the range", () => {
  const now = Date.parse("2026-11-21T12:00:00Z");
  it("ends now, or with a whole day", () => {
    expect(momentsOf("24h", "", "", now)).toEqual({
      start: "2026-11-20T12:00:00.000Z",
      end: "2026-11-21T12:00:00.000Z",
    });
    const days = momentsOf("own", "2026-11-01", "2026-11-02", now) as { start: string; end: string };
    expect(Date.parse(days.end) - Date.parse(days.start)).toBe(2 * 86_400_000);
    expect(momentsOf("own", "2026-11-21", "2027-01-01", now)).toMatchObject({
      end: "2026-11-21T12:00:00.000Z",
    });
  });

  it("is said to be none where it is none", () => {
    for (const [from, until] of [
      ["", ""],
      ["2026-11-02", "2026-11-01"],
      ["soon", "2026-11-01"],
      ["2027-01-01", "2027-02-01"],
    ])
      expect(momentsOf("own", from ?? "", until ?? "", now)).toHaveProperty("problem");
  });
});
