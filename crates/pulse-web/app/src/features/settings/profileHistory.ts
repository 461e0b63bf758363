// What profiles were, and how far they got to their agents, in words. Pure.

import type { Assignment, Deployment, ProfileChange, ProfileVersion } from "../../api/profiles";
import { parseTime } from "../../state/format";
import { t } from "../../text";
import type { Health } from "../../ui/Mark";

/** How far the profile of one agent got. */
export function arrival(
  assigned: readonly Assignment[],
  deployments: readonly Deployment[],
  agentId: string,
): { health: Health; text: string; at: number | undefined } | undefined {
  const wanted = assigned.find((each) => each.agent_id === agentId);
  if (wanted === undefined) return undefined;
  const found = deployments.find(
    (each) => each.agent_id === agentId && each.profile_id === wanted.profile_id,
  );
  const at = parseTime(found?.last_deployed_at);
  // The year 1 stands for never.
  const when = at !== undefined && at > 0 ? at : undefined;
  if (found === undefined || when === undefined)
    return { health: "idle", text: t("the agent has not fetched it yet"), at: undefined };
  if (found.deployment_status === "failed") {
    const text = found.error_message
      ? t("the agent could not follow it: {reason}", { reason: found.error_message })
      : t("the agent could not follow it");
    return { health: "crit", text, at: when };
  }
  if (found.deployment_status === "pending" || found.deployed_version < found.assigned_version) {
    return {
      health: "idle",
      text: t("has version {n}; the next one is on its way", { n: found.deployed_version }),
      at: when,
    };
  }
  return { health: "ok", text: t("has version {n}", { n: found.deployed_version }), at: when };
}

const ACTIONS: Readonly<Record<string, string>> = {
  create: t("made"),
  update: t("changed"),
  delete: t("deleted"),
  assign: t("given to an agent"),
  unassign: t("taken from an agent"),
  rollback: t("put back"),
};

/** What was done, in words; with the versions where they changed. */
export function changeText(change: ProfileChange): string {
  const what = ACTIONS[change.action] ?? change.action;
  const { old_version, new_version } = change;
  if (old_version != null && new_version != null && old_version !== new_version)
    return t("{what}, version {from} to {to}", { what, from: old_version, to: new_version });
  return what;
}

/** One value that differs between two versions. */
export interface Difference {
  key: string;
  before: string | undefined;
  after: string | undefined;
}

const valueText = (value: unknown): string | undefined => (value == null ? undefined : String(value));

/** What going from one version to another changes, by the names of the values. */
export function differences(
  from: Pick<ProfileVersion, "config">,
  to: Pick<ProfileVersion, "config">,
): Difference[] {
  const before: Readonly<Record<string, unknown>> = from.config ?? {};
  const after: Readonly<Record<string, unknown>> = to.config ?? {};
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((key) => ({ key, before: valueText(before[key]), after: valueText(after[key]) }))
    .filter((each) => each.before !== each.after);
}
