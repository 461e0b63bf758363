import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { SystemSettings } from "../../api/calls";
import { changes, GROUPS, lockName, numberError, settingOf } from "./systemFields";

const STORED = {
  pvePollingInterval: 10,
  allowEmbedding: false,
  publicURL: null,
  discoveryConfig: { subnet_blocklist: ["169.254.0.0/16"], max_concurrent: 50 },
} as unknown as SystemSettings;

it("sends only what differs", () => {
  expect(changes(STORED, { pvePollingInterval: 10, allowEmbedding: true, publicURL: "" })).toEqual({
    allowEmbedding: true,
  });
  expect(changes(STORED, { publicURL: "https://p" })).toEqual({ publicURL: "https://p" });
});

it("sends how the network is searched as the server has it, a line as a list", () => {
  const draft = {
    "discovery.subnet_blocklist": "169.254.0.0/16",
    "discovery.subnet_allowlist": "10.0.0.0/24, 10.0.1.0/24",
    "discovery.max_concurrent": 9,
  };
  expect(changes(STORED, draft)).toEqual({
    discoveryConfig: { subnet_allowlist: ["10.0.0.0/24", "10.0.1.0/24"], max_concurrent: 9 },
  });
  expect(settingOf(STORED, "discovery.subnet_blocklist")).toBe("169.254.0.0/16");
  expect(lockName("discovery.max_hosts_per_scan")).toBe("discoveryMaxHostsPerScan");
  expect(lockName("publicURL")).toBe("publicURL");
});

it("takes what is left out for none", () => {
  expect(changes(STORED, { sshPort: 0, adaptivePollingEnabled: false, autoUpdateTime: "" })).toEqual({});
  expect(changes(STORED, { sshPort: 2222 })).toEqual({ sshPort: 2222 });
});

/** All that can be changed is shown; the two ports come from the environment alone. */
it("shows every key of the settings", () => {
  const schema = readFileSync(join(import.meta.dirname, "../../api/schema.gen.ts"), "utf8");
  const of = (name: string): string[] => {
    const body = schema.split(`        ${name}: {\n`)[1]?.split("\n        };")[0] ?? "";
    return [...body.matchAll(/^ {12}(\w+)\??:/gm)].map((match) => match[1] ?? "");
  };
  const shown = new Set<string>(GROUPS.flatMap((group) => group.fields.map((field) => field.key)));
  const keys = of("SystemSettingsChange").filter((key) => key !== "discoveryConfig");
  const members = of("DiscoverySettings").map((member) => `discovery.${member}`);
  expect(keys.length).toBeGreaterThan(30);
  expect(members.length).toBeGreaterThan(7);
  const missing = [...keys, ...members].filter((key) => !shown.has(key));
  expect(missing).toEqual(["backendPort", "frontendPort"]);
});

it("bounds numbers where the server does", () => {
  const field = GROUPS[0]?.fields[0];
  if (field === undefined) throw new Error("no field");
  expect(numberError(field, 10)).toBeUndefined();
  for (const bad of [9, 3601, 10.5, Number.NaN, undefined]) expect(numberError(field, bad)).toBeDefined();
});

it("shows every setting once", () => {
  const keys = GROUPS.flatMap((group) => group.fields.map((field) => field.key));
  expect(new Set(keys).size).toBe(keys.length);
});
