import { expect, it } from "vitest";
import { installCommand, shellQuoted } from "./install";

it("quotes what a person typed", () => {
  expect(shellQuoted("http://pulse.lan:7655")).toBe("http://pulse.lan:7655");
  expect(shellQuoted("http://x/$(reboot)'")).toBe(`'http://x/$(reboot)'\\'''`);
});

it("is one line per platform", () => {
  expect(installCommand("linux", "http://pulse.lan:7655/", "T")).toBe(
    "curl -fsSL http://pulse.lan:7655/install.sh | sh -s -- --url http://pulse.lan:7655 --token T",
  );
  expect(installCommand("windows", "http://p'q", "T")).toContain("$env:PULSE_URL='http://p''q'");
});
