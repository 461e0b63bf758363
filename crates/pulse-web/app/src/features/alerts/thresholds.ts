// Thresholds as a spreadsheet: what holds for a resource, and from where. Pure.

import type { AlertConfig, Metric, Threshold, ThresholdBlock } from "../../api/alertConfig";

export type Kind = "guest" | "node" | "host" | "docker" | "storage" | "pbs";

export const METRICS: Readonly<Record<Kind, readonly Metric[]>> = {
  guest: ["cpu", "memory", "disk", "diskRead", "diskWrite", "networkIn", "networkOut"],
  node: ["cpu", "memory", "disk", "temperature"],
  host: ["cpu", "memory", "disk", "diskTemperature"],
  docker: ["cpu", "memory", "disk"],
  storage: ["usage"],
  pbs: ["cpu", "memory"],
};

const BLOCKS = {
  guest: "guestDefaults",
  node: "nodeDefaults",
  host: "hostDefaults",
  docker: "dockerDefaults",
  pbs: "pbsDefaults",
} as const satisfies Readonly<Record<Exclude<Kind, "storage">, keyof AlertConfig>>;

/** Between trigger and clear, where the configuration does not say. */
const MARGIN = 5;

function margin(config: AlertConfig): number {
  return config.hysteresisMargin ?? MARGIN;
}

function threshold(config: AlertConfig, trigger: number): Threshold {
  return { trigger, clear: Math.max(0, trigger - margin(config)) };
}

/** The trigger that all of a kind have; `undefined` where none is set, 0 where it is off. */
export function defaultOf(config: AlertConfig, kind: Kind, metric: Metric): number | undefined {
  if (kind === "storage") return config.storageDefault?.trigger;
  return config[BLOCKS[kind]]?.[metric]?.trigger;
}

/** The resource's own trigger, where it has one. */
export function overrideOf(config: AlertConfig, id: string, metric: Metric): number | undefined {
  return config.overrides?.[id]?.[metric]?.trigger;
}

export function withDefault(
  config: AlertConfig,
  kind: Kind,
  metric: Metric,
  trigger: number | undefined,
): AlertConfig {
  const next = trigger === undefined ? { trigger: 0, clear: 0 } : threshold(config, trigger);
  if (kind === "storage") return { ...config, storageDefault: next };
  const block = BLOCKS[kind];
  return { ...config, [block]: { ...config[block], [metric]: next } };
}

/** A block without anything in it says nothing: it is taken away. */
function put(config: AlertConfig, id: string, block: ThresholdBlock): AlertConfig {
  const overrides: Record<string, ThresholdBlock> = { ...config.overrides };
  if (Object.keys(block).length === 0) delete overrides[id];
  else overrides[id] = block;
  return { ...config, overrides };
}

/** `undefined` takes the resource's own trigger away: it then inherits. */
export function withOverride(
  config: AlertConfig,
  id: string,
  metric: Metric,
  trigger: number | undefined,
): AlertConfig {
  const { [metric]: _old, ...rest } = config.overrides?.[id] ?? {};
  return put(
    config,
    id,
    (trigger === undefined ? rest : { ...rest, [metric]: threshold(config, trigger) }) as ThresholdBlock,
  );
}

export type Switch = "disabled" | "disableConnectivity";

export function isSwitched(config: AlertConfig, id: string, name: Switch): boolean {
  return config.overrides?.[id]?.[name] === true;
}

export function withSwitch(config: AlertConfig, id: string, name: Switch, isOn: boolean): AlertConfig {
  const { [name]: _old, ...rest } = config.overrides?.[id] ?? {};
  return put(config, id, (isOn ? { ...rest, [name]: true } : rest) as ThresholdBlock);
}

/** A cell's text: empty inherits, a number from 0 (off) up; `null` is no number. */
export function parseTrigger(text: string): number | undefined | null {
  const trimmed = text.trim().replace(",", ".");
  if (trimmed === "") return undefined;
  const value = Number(trimmed);
  return Number.isFinite(value) && value >= 0 && value <= 1_000_000 ? value : null;
}
