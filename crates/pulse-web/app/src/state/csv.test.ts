import { expect, it } from "vitest";
import { csv } from "./csv";

it("quotes what needs it", () => {
  expect(
    csv(
      ["Name", "CPU"],
      [
        ["a,b", 1.5],
        ['say "x"', undefined],
        ["two\nlines", 0],
      ],
    ),
  ).toBe('Name,CPU\r\n"a,b",1.5\r\n"say ""x""",\r\n"two\nlines",0\r\n');
});

it("keeps names from becoming formulas, and numbers numbers", () => {
  expect(csv(["Name"], [["=HYPERLINK(1)"], ["@x"], ["-cmd"], [-3]])).toBe(
    "Name\r\n'=HYPERLINK(1)\r\n'@x\r\n'-cmd\r\n-3\r\n",
  );
});
