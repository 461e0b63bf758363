import { describe, expect, it } from "vitest";
import type { AlertConfig } from "../../api/alertConfig";
import {
  defaultOf,
  isSwitched,
  overrideOf,
  parseTrigger,
  withDefault,
  withOverride,
  withSwitch,
} from "./thresholds";

const CONFIG = {
  enabled: true,
  guestDefaults: { cpu: { trigger: 80, clear: 75 } },
  nodeDefaults: {},
  hostDefaults: {},
  storageDefault: { trigger: 85, clear: 80 },
  overrides: { a: { cpu: { trigger: 95, clear: 90 }, note: "kept" } },
  schedule: {},
  hysteresisMargin: 4,
  unknownToUs: { stays: true },
} as unknown as AlertConfig;

describe("thresholds", () => {
  it("come from the resource, else from its kind", () => {
    expect(overrideOf(CONFIG, "a", "cpu")).toBe(95);
    expect(overrideOf(CONFIG, "b", "cpu")).toBeUndefined();
    expect(defaultOf(CONFIG, "guest", "cpu")).toBe(80);
    expect(defaultOf(CONFIG, "storage", "usage")).toBe(85);
    expect(defaultOf(CONFIG, "node", "cpu")).toBeUndefined();
  });

  it("clear below their trigger, and leave everything else as it was", () => {
    const next = withOverride(CONFIG, "b", "memory", 90);
    expect(next.overrides?.b).toEqual({ memory: { trigger: 90, clear: 86 } });
    expect(next.overrides?.a).toBe(CONFIG.overrides?.a);
    expect(next.unknownToUs).toEqual({ stays: true });
    expect(withDefault(CONFIG, "storage", "usage", 50).storageDefault).toEqual({ trigger: 50, clear: 46 });
  });

  it("are inherited again when taken away; an empty override goes whole", () => {
    expect(withOverride(CONFIG, "a", "cpu", undefined).overrides).toEqual({ a: { note: "kept" } });
    const one = withSwitch({ ...CONFIG, overrides: {} }, "x", "disabled", true);
    expect(isSwitched(one, "x", "disabled")).toBe(true);
    expect(withSwitch(one, "x", "disabled", false).overrides).toEqual({});
  });

  it("are numbers", () => {
    expect(["", " 80 ", "82,5", "0", "-1", "x"].map(parseTrigger)).toEqual([
      undefined,
      80,
      82.5,
      0,
      null,
      null,
    ]);
  });
});
