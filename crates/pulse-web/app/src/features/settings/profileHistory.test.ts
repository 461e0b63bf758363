import { describe, expect, it } from "vitest";
import type { Deployment } from "../../api/profiles";
import { arrival, changeText, differences } from "./profileHistory";

const at = "2026-11-25T12:00:00Z";
const assigned = [{ agent_id: "nas", profile_id: "p", profile_version: 2, updated_at: at }];
const deployment = (parts: Partial<Deployment>): Deployment[] => [
  {
    agent_id: "nas",
    profile_id: "p",
    assigned_version: 2,
    deployed_version: 2,
    last_deployed_at: at,
    deployment_status: "deployed",
    ...parts,
  },
];

describe("how far a profile got", () => {
  it("is said in words, and nothing of an agent without one", () => {
    const text = (parts: Partial<Deployment>): string | undefined =>
      arrival(assigned, deployment(parts), "nas")?.text;
    expect(arrival(assigned, [], "other")).toBeUndefined();
    expect(arrival(assigned, [], "nas")?.text).toBe("the agent has not fetched it yet");
    expect(text({ last_deployed_at: "0001-01-01T00:00:00Z" })).toBe("the agent has not fetched it yet");
    expect(text({})).toBe("has version 2");
    expect(text({ deployed_version: 1, deployment_status: "pending" })).toContain("on its way");
    expect(text({ deployment_status: "failed", error_message: "no such key" })).toContain("no such key");
  });
});

it("tells a change with its versions", () => {
  const change = { id: "1", profile_id: "p", profile_name: "Small", timestamp: at };
  expect(changeText({ ...change, action: "rollback", old_version: 3, new_version: 4 })).toBe(
    "put back, version 3 to 4",
  );
  expect(changeText({ ...change, action: "assign" })).toBe("given to an agent");
  expect(changeText({ ...change, action: "something new" })).toBe("something new");
});

it("names what a way back would change", () => {
  expect(
    differences({ config: { interval: "30s", docker: true } }, { config: { interval: "60s", tags: "lab" } }),
  ).toEqual([
    { key: "docker", before: "true", after: undefined },
    { key: "interval", before: "30s", after: "60s" },
    { key: "tags", before: undefined, after: "lab" },
  ]);
  expect(differences({ config: null }, { config: {} })).toEqual([]);
});
