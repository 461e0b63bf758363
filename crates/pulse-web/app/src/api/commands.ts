// The trail of commands that people had run by agents.

import { api, done } from "./client";
import type { components } from "./schema.gen";

export type AgentCommand = components["schemas"]["AgentCommand"];

/** The newest first. */
export const agentCommands = async (limit: number): Promise<AgentCommand[]> =>
  (await done(api.GET("/api/agents/commands", { params: { query: { limit } } }))).commands;
