// The one-second view of what agents report. The test is the agent, and counts how often it is asked to report.

import { csrf, expect, makeToken, rowNames, test } from "./support";

/** Seconds between two reports of an agent that nobody looks at. */
const OWN_PACE_SECONDS = 5;

interface Agent {
  /** Reports of which the answer asked for the next in a second. */
  hurried: () => number;
  /** All reports. */
  sent: () => number;
  /** Whether the newest answer did. */
  isHurried: () => boolean;
  stop: () => Promise<void>;
}

/** Reports as an agent of ours does: by its own interval, or as soon as the answer says. */
function startAgent(
  base: string,
  kind: "host" | "docker",
  token: string,
  body: (n: number) => object,
): Agent {
  let isStopped = false;
  let hurried = 0;
  let isHurried = false;
  let sent = 0;
  let wake = (): void => undefined;
  const run = async (): Promise<void> => {
    for (let n = 0; !isStopped; n += 1) {
      const answer = await fetch(`${base}/api/agents/${kind}/report`, {
        method: "POST",
        headers: { "X-API-Token": token, "Content-Type": "application/json" },
        body: JSON.stringify(body(n)),
      });
      expect(answer.status, `report ${n}`).toBe(200);
      sent = n + 1;
      const { nextReportSeconds } = (await answer.json()) as { nextReportSeconds?: number };
      isHurried = nextReportSeconds !== undefined;
      if (isHurried) hurried += 1;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, (nextReportSeconds ?? OWN_PACE_SECONDS) * 1_000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const done = run();
  return {
    hurried: () => hurried,
    sent: () => sent,
    isHurried: () => isHurried,
    stop: async () => {
      isStopped = true;
      wake();
      await done;
    },
  };
}

const KINDS = [
  {
    kind: "host",
    scope: "host-agent:report",
    address: "/hosts",
    table: "Hosts",
    remove: "/api/agents/host/live-spec",
    body: (n: number) => ({
      agent: { id: "live-spec", version: "5.1.0", type: "unified", intervalSeconds: OWN_PACE_SECONDS },
      host: { id: "live-spec", hostname: "live-spec", machineId: "live-spec", osName: "Debian" },
      metrics: { cpuUsagePercent: 10 + (n % 60) },
    }),
  },
  {
    kind: "docker",
    scope: "docker:report",
    address: "/docker",
    table: "Containers",
    remove: "/api/agents/docker/hosts/live-spec-docker?force=true",
    body: (n: number) => ({
      agent: { id: "live-spec-docker", version: "5.1.0", type: "unified", intervalSeconds: OWN_PACE_SECONDS },
      host: { hostname: "live-spec", runtime: "docker", cpus: 4 },
      containers: [
        {
          id: "abcdef0123456789",
          name: "live-spec-web",
          image: "nginx:1",
          state: "running",
          status: "Up",
          cpuPercent: 10 + (n % 60),
        },
      ],
    }),
  },
] as const;

for (const { kind, scope, address, table, remove, body } of KINDS) {
  test(`reports of a ${kind} come every second while its drawer is open, and only then`, async ({
    inside: page,
    baseURL,
  }) => {
    test.setTimeout(180_000);
    const agent = startAgent(baseURL ?? "", kind, await makeToken(page, [scope]), body);
    try {
      await page.goto(`${address}?q=live-spec`);
      const row = rowNames(page, table).filter({ hasText: "live-spec" }).first();
      await expect(row).toBeVisible({ timeout: 30_000 });
      // A table alone is no reason to hurry.
      expect(agent.hurried()).toBe(0);
      await row.click();
      const drawer = page.getByRole("complementary");
      await expect.poll(agent.hurried, { timeout: 30_000 }).toBeGreaterThan(4);
      await expect(drawer).toContainText("figures of every second");

      // Out of sight, as in another tab: nobody looks.
      const show = (state: string): Promise<void> =>
        page.evaluate((wanted) => {
          Object.defineProperty(document, "visibilityState", { configurable: true, get: () => wanted });
          document.dispatchEvent(new Event("visibilitychange"));
        }, state);
      await show("hidden");
      await expect.poll(agent.isHurried, { timeout: 15_000 }).toBe(false);
      const whileHidden = agent.hurried();
      await show("visible");
      await expect.poll(agent.hurried, { timeout: 30_000 }).toBeGreaterThan(whileHidden + 2);

      await drawer.getByRole("button", { name: "Close" }).click();
      await expect(drawer).toBeHidden();
      await expect.poll(agent.isHurried, { timeout: 15_000 }).toBe(false);
      // Two more reports of its own, and none that was asked for.
      const [after, sent] = [agent.hurried(), agent.sent()];
      await expect.poll(agent.sent, { timeout: OWN_PACE_SECONDS * 5_000 }).toBeGreaterThan(sent + 1);
      expect(agent.hurried()).toBe(after);
    } finally {
      await agent.stop();
      await page.request.delete(remove, { headers: await csrf(page) });
    }
  });
}

test("the server's own machine is measured every second while somebody looks", async ({ inside: page }) => {
  await page.goto("/hosts");
  const row = rowNames(page, "Hosts").first();
  await expect(row).toBeVisible();
  await row.click();
  await expect(page.getByRole("complementary")).toContainText("figures of every second", { timeout: 30_000 });
});
