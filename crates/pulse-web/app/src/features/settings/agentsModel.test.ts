import { expect, it } from "vitest";
import { managedAgents, uninstallCommand } from "./agentsModel";

it("lists agents of all kinds by name, under the name that was given", () => {
  const all = managedAgents(
    [{ id: "h1", hostname: "zeus", status: "online", linkedNodeId: "n1" }],
    [{ id: "d1", hostname: "dock", customDisplayName: "Attic", status: "online", hidden: true }],
    [{ id: "k1", displayName: "lab", status: "offline", pendingUninstall: true }],
  );
  expect(all.map((agent) => [agent.key, agent.name])).toEqual([
    ["docker:d1", "Attic"],
    ["kubernetes:k1", "lab"],
    ["host:h1", "zeus"],
  ]);
  expect(all[0]?.isHidden).toBe(true);
  expect(all[1]?.isGoing).toBe(true);
  expect(all[2]?.nodeId).toBe("n1");
});

it("keeps two of the same name apart", () => {
  const twice = managedAgents(
    [{ id: "h1", hostname: "box", status: "online" }],
    [{ id: "h1", hostname: "box", status: "online" }],
    [],
  );
  expect(new Set(twice.map((agent) => agent.key)).size).toBe(2);
});

it("says how the agent is taken off the machine", () => {
  expect(uninstallCommand({ kind: "host", isWindows: false }, "http://pulse.lan:7655/")).toBe(
    "curl -fsSL http://pulse.lan:7655/install.sh | sh -s -- --uninstall",
  );
  expect(uninstallCommand({ kind: "host", isWindows: true }, "http://p'q")).toContain(
    "'http://p''q/install.ps1'",
  );
  expect(uninstallCommand({ kind: "kubernetes", isWindows: false }, "x")).toContain("kubectl");
});
