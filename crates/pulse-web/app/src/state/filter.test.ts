import { describe, expect, it } from "vitest";
import { type Fields, matches, parseAmount, parseFilter } from "./filter";

interface Guest {
  name: string;
  cpu: number | undefined;
  mem: number;
  tags: string[];
  status: string;
}

const FIELDS: Fields<Guest> = {
  text: (guest) => guest.name.toLowerCase(),
  fields: {
    cpu: (guest) => guest.cpu,
    mem: (guest) => guest.mem,
    tag: (guest) => guest.tags,
    status: (guest) => guest.status,
  },
};

const GUESTS: Guest[] = [
  { name: "web-1", cpu: 91, mem: 8 * 1024 ** 3, tags: ["prod", "web"], status: "running" },
  { name: "db:main", cpu: undefined, mem: 2 * 1024 ** 3, tags: ["prod"], status: "stopped" },
  { name: "Test box", cpu: 5, mem: 1024 ** 3, tags: [], status: "running" },
];

function found(input: string): string[] {
  const terms = parseFilter(input, Object.keys(FIELDS.fields));
  return GUESTS.filter((guest) => matches(guest, terms, FIELDS)).map((guest) => guest.name);
}

describe("filter", () => {
  it.each([
    ["", ["web-1", "db:main", "Test box"]],
    ["   ", ["web-1", "db:main", "Test box"]],
    ["WEB", ["web-1"]],
    ["cpu>80", ["web-1"]],
    ["cpu<80", ["Test box"]],
    ["cpu>=91 status:running", ["web-1"]],
    ["cpu>80%", ["web-1"]],
    ["mem>4G", ["web-1"]],
    ["mem<=2gb", ["db:main", "Test box"]],
    ["tag:prod", ["web-1", "db:main"]],
    ["tag=pro", []],
    ["-tag:prod", ["Test box"]],
    ["tag:prod -web", ["db:main"]],
    ['"test box"', ["Test box"]],
    ['"test', ["Test box"]],
    ["STATUS:Stopped", ["db:main"]],
    // Not a field of this table: a word, so that names with colons can be found.
    ["db:main", ["db:main"]],
    // Half typed: no condition yet.
    ["status:", ["web-1", "db:main", "Test box"]],
    ["cpu>", ["web-1", "db:main", "Test box"]],
    ["-", ["web-1", "db:main", "Test box"]],
    // Not a number: nothing can match.
    ["cpu>abc", []],
  ])("%j", (input, names) => expect(found(input)).toEqual(names));

  it("never matches an unknown value, whichever way it is asked", () => {
    expect(found("cpu>0")).not.toContain("db:main");
    expect(found("cpu<=0")).not.toContain("db:main");
  });
});

describe("amounts", () => {
  it.each([
    ["80", 80],
    ["1.5k", 1536],
    ["512mb", 512 * 1024 ** 2],
    ["2GiB".toLowerCase(), 2 * 1024 ** 3],
    ["90min", 5400],
    ["2d", 172800],
    ["x", undefined],
    ["", undefined],
    ["4q", undefined],
  ])("%s", (text, value) => expect(parseAmount(text)).toBe(value));
});
