// How kinds of agents are called on their page.

import type { AgentKind } from "../../../api/agents";
import { t } from "../../../text";

const KINDS: Readonly<Record<AgentKind, string>> = {
  host: t("Host"),
  docker: "Docker",
  kubernetes: "Kubernetes",
};

/** A name for the reader, also of a kind that only a newer server knows. */
export const kindName = (kind: string): string => KINDS[kind as AgentKind] ?? kind;
