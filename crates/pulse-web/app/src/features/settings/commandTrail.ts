// Commands that people had run by agents: what came of each, and which are shown. Pure.

import type { AgentCommand } from "../../api/commands";
import { parseTime } from "../../state/format";
import { t } from "../../text";
import type { Health } from "../../ui/Mark";

/** What came of a command, as the filter knows it. */
export const OUTCOMES = [
  { id: "all", title: t("Any outcome") },
  { id: "good", title: t("Done") },
  { id: "bad", title: t("Not done") },
  { id: "open", title: t("Without an answer") },
] as const;
export type Outcome = (typeof OUTCOMES)[number]["id"];

const SAID: Readonly<Record<string, { health: Health; text: string }>> = {
  completed: { health: "ok", text: t("done") },
  failed: { health: "crit", text: t("failed") },
  refused: { health: "warn", text: t("refused by this server's list") },
  not_sent: { health: "warn", text: t("not sent") },
  timed_out: { health: "crit", text: t("no answer in time; it may have run") },
  lost: { health: "crit", text: t("the agent was lost; it may have run") },
};

/** In words; an outcome that only a newer server knows is said as it is. */
export function outcomeOf(command: Pick<AgentCommand, "outcome">): { health: Health; text: string } {
  const { outcome } = command;
  if (outcome === undefined || outcome === null)
    return { health: "idle", text: t("runs, or the server stopped meanwhile") };
  const said = Object.hasOwn(SAID, outcome) ? SAID[outcome] : undefined;
  return said ?? { health: "idle", text: outcome };
}

function isOf(command: AgentCommand, wanted: Outcome): boolean {
  if (wanted === "all") return true;
  const isOpen = command.outcome === undefined || command.outcome === null;
  if (wanted === "open") return isOpen;
  return !isOpen && (command.outcome === "completed") === (wanted === "good");
}

export function shownCommands(
  commands: readonly AgentCommand[],
  text: string,
  outcome: Outcome,
): AgentCommand[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return commands.filter((command) => {
    if (!isOf(command, outcome)) return false;
    const all = [command.by, command.hostname, command.hostId, command.target, command.command, command.error]
      .join("\n")
      .toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

/** How long it took, where its end is known. */
export function tookSeconds(command: Pick<AgentCommand, "at" | "endedAt">): number | undefined {
  const [from, to] = [parseTime(command.at), parseTime(command.endedAt)];
  return from === undefined || to === undefined || to < from ? undefined : (to - from) / 1000;
}
