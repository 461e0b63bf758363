// The live channel where it really is, in a worker, against a server that goes away and comes back. What is done to frames on
// their way (07-weather) is done without a worker, which the browser's tools do not reach.

import type { Page, Worker } from "@playwright/test";
import { OWN_TOKEN, OwnServer } from "./own";
import { expect, rowNames, test } from "./support";

const status = (page: Page) => page.getByRole("status", { name: "Connection" });
const workers = (page: Page): string[] =>
  page.workers().map((worker: Worker) => new URL(worker.url()).pathname);

async function report(server: OwnServer, name: string): Promise<void> {
  const answer = await fetch(`${server.url}/api/agents/host/report`, {
    method: "POST",
    headers: { "X-API-Token": OWN_TOKEN, "Content-Type": "application/json" },
    body: JSON.stringify({
      agent: { id: name, version: "5.1.0", type: "unified", intervalSeconds: 10 },
      host: { id: name, hostname: name, machineId: name, osName: "Debian" },
      metrics: { cpuUsagePercent: 12 },
    }),
  });
  expect(answer.status, await answer.text()).toBe(200);
}

test("the page is live through its worker, says that the server is gone, and is live again when it is back", async ({
  page,
  errors,
}) => {
  void errors;
  const server = await OwnServer.start();
  try {
    await report(server, "before");
    await server.logIn(page);
    await page.goto(`${server.url}/hosts`);
    await expect(status(page)).toContainText("Live");
    expect(workers(page)).toEqual([expect.stringMatching(/\/line\.worker-/)]);
    const rows = rowNames(page, "Hosts");
    await expect(rows).toHaveText(["before"]);
    await report(server, "meanwhile");
    await expect(rows).toHaveText(["before", "meanwhile"]);

    await server.pause();
    await expect(status(page)).toContainText("Offline");
    await expect(rows).toHaveText(["before", "meanwhile"]);

    await server.resume();
    await expect(status(page)).toContainText("Live", { timeout: 45_000 });
    await report(server, "after");
    await expect(rows.filter({ hasText: "after" })).toBeVisible();
    // The same worker has the new line.
    expect(workers(page).length).toBe(1);
  } finally {
    await server.stop();
  }
});

test("where the worker cannot be loaded the page keeps the channel itself", async ({ page, errors }) => {
  void errors;
  const server = await OwnServer.start();
  try {
    await server.logIn(page);
    let asked = 0;
    await page.route("**/line.worker-*", (route) => {
      asked += 1;
      return route.abort();
    });
    await page.goto(`${server.url}/hosts`);
    await expect(status(page)).toContainText("Live");
    expect(asked).toBe(1);
    expect(workers(page)).toEqual([]);
    await report(server, "new");
    await expect(rowNames(page, "Hosts")).toHaveText(["new"]);
  } finally {
    await server.stop();
  }
});
