import { describe, expect, it } from "vitest";
import type { Pod } from "../../api/types";
import { deploymentHealth, type LiveCluster, podHealth, podRank, podReady, podState } from "./model";

const CLUSTER: LiveCluster = { id: "k", displayName: "k", status: "online", clockAt: 0 };
const pod = (parts: Partial<Pod>) => ({
  key: "p",
  cluster: CLUSTER,
  it: { uid: "p", name: "web", namespace: "shop", phase: "Running", ...parts },
});
const container = (ready: boolean, reason?: string) => ({
  name: "main",
  ready,
  ...(reason ? { reason } : {}),
});

describe("pods", () => {
  it("tell what is wrong in Kubernetes' own word", () => {
    const broken = pod({ containers: [container(true), container(false, "CrashLoopBackOff")] });
    expect(podState(broken.it)).toBe("CrashLoopBackOff");
    expect(podHealth(broken)).toBe("crit");
    expect(podReady(broken.it)).toBe("1 of 2");
  });

  it("are fine when all run, and done when they ended well", () => {
    expect(podHealth(pod({ containers: [container(true)] }))).toBe("ok");
    expect(podHealth(pod({ containers: [container(false)] }))).toBe("warn");
    expect(podHealth(pod({ phase: "Succeeded" }))).toBe("idle");
    expect(podHealth(pod({ phase: "Pending" }))).toBe("warn");
    expect(podHealth(pod({ phase: "Failed", reason: "Evicted" }))).toBe("crit");
  });

  it("sort problems first, and nothing by the state of a silent cluster", () => {
    expect(podRank(pod({ phase: "Failed" }))).toBeLessThan(podRank(pod({ phase: "Pending" })));
    const silent = { ...pod({ phase: "Failed" }), cluster: { ...CLUSTER, status: "offline" } };
    expect(podHealth(silent)).toBe("idle");
  });
});

it("takes a count that the wire leaves out for 0", () => {
  const of = (parts: object) =>
    deploymentHealth({
      key: "d",
      cluster: CLUSTER,
      it: { uid: "d", name: "web", namespace: "shop", ...parts },
    });
  expect(of({ desiredReplicas: 3, availableReplicas: 3 })).toBe("ok");
  expect(of({ desiredReplicas: 3, availableReplicas: 1 })).toBe("warn");
  expect(of({ desiredReplicas: 3 })).toBe("crit");
  expect(of({})).toBe("idle");
});
