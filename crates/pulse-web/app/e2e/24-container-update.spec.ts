// The update of a container's image, from the question to its end, as a person sees it. The test is the agent.

import type { Page } from "@playwright/test";
import { csrf, expect, lookAt, makeToken, rowNames, test } from "./support";

interface Command {
  id: string;
  type: string;
  payload: { containerId: string; containerName: string };
}

const HOST = "update-spec";

class Agent {
  /** Name → id and whether a newer image is there. */
  readonly containers = new Map([
    ["web", { id: "aaaa".repeat(4), isOld: true }],
    ["db", { id: "dddd".repeat(4), isOld: true }],
  ]);

  constructor(
    private readonly base: string | undefined,
    private readonly token: string,
  ) {}

  private async post(path: string, body: object): Promise<Response> {
    const answer = await fetch(`${this.base}${path}`, {
      method: "POST",
      headers: { "X-API-Token": this.token, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(answer.status, `${path}: ${await answer.clone().text()}`).toBe(200);
    return answer;
  }

  /** Reports, and gives what the server wants done. */
  async report(): Promise<Command[]> {
    const answer = await this.post("/api/agents/docker/report", {
      agent: { id: HOST, version: "5.1.0", type: "unified", intervalSeconds: 300 },
      host: { hostname: HOST, runtime: "docker", cpus: 4 },
      containers: [...this.containers].map(([name, { id, isOld }]) => ({
        id,
        name,
        image: `registry.lan/${name}:1`,
        state: "running",
        status: "Up 3 hours",
        cpuPercent: 3,
        updateStatus: {
          updateAvailable: isOld,
          currentDigest: "sha256:old",
          latestDigest: isOld ? "sha256:new" : "sha256:old",
          lastChecked: new Date(Date.now() - 3_600_000).toISOString(),
        },
      })),
    });
    return ((await answer.json()) as { commands?: Command[] }).commands ?? [];
  }

  async tell(command: string, status: string, message: string): Promise<void> {
    await this.post(`/api/agents/docker/commands/${encodeURIComponent(command)}/ack`, {
      hostId: HOST,
      status,
      message,
    });
  }
}

async function asksFor(page: Page, name: string): Promise<void> {
  const drawer = page.getByRole("complementary");
  await drawer.getByRole("button", { name: `Update ${name}` }).click();
  const dialog = page.getByRole("dialog", { name: `Update ${name}?` });
  await expect(dialog).toContainText(`registry.lan/${name}:1`);
  await dialog.getByRole("button", { name: "Update", exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(drawer.getByText("The agent is told with its next report.")).toBeVisible();
}

test("a container is moved to a newer image: asked, told, pulled, done, and what fails says why", async ({
  inside: page,
  baseURL,
}) => {
  test.setTimeout(150_000);
  const agent = new Agent(baseURL, await makeToken(page, ["docker:report"]));
  try {
    await agent.report();
    await page.goto(`/docker?q=host:${HOST}`);
    const drawer = page.getByRole("complementary");
    const row = (name: string) => rowNames(page, "Containers").filter({ hasText: name }).first();
    await row("web").click();
    await expect(drawer).toContainText("A newer image is there");
    await lookAt(page, "an update is there");
    await asksFor(page, "web");

    const [update] = await agent.report();
    expect(update).toMatchObject({ type: "update_container", payload: { containerName: "web" } });
    await agent.tell(update?.id ?? "", "in_progress", "Pulling registry.lan/web:1");
    await expect(drawer).toContainText("Pulling registry.lan/web:1");
    // Nobody asks twice while it runs, and who comes back sees how far it is.
    await expect(drawer.getByRole("button", { name: "Update web" })).toHaveCount(0);
    await page.reload();
    await expect(drawer).toContainText("Pulling registry.lan/web:1");
    await lookAt(page, "an update runs");

    // The new container has another id: the drawer stays with it.
    agent.containers.set("web", { id: "bbbb".repeat(4), isOld: false });
    await agent.tell(update?.id ?? "", "completed", "Updated");
    await agent.report();
    await expect(page).toHaveURL(/bbbbbbbb/);
    await expect(drawer.getByRole("heading", { level: 2 })).toContainText("web");
    await expect(drawer).not.toContainText("A newer image is there");

    await page.keyboard.press("Escape");
    await row("db").click();
    await asksFor(page, "db");
    const [second] = await agent.report();
    expect(second?.payload.containerName).toBe("db");
    await agent.tell(second?.id ?? "", "failed", "no space left on device");
    await expect(drawer.getByText(/The update failed .*: no space left on device/)).toBeVisible();
    await lookAt(page, "an update failed");
    // Still there for who opens it later, and it can be tried again.
    await page.reload();
    await expect(drawer.getByText(/The update failed .*: no space left on device/)).toBeVisible();
    await expect(drawer.getByRole("button", { name: "Update db" })).toBeEnabled();
  } finally {
    await page.request.delete(`/api/agents/docker/hosts/${HOST}?force=true`, { headers: await csrf(page) });
  }
});

test("an update that nobody could do is not offered, with the reason", async ({ inside: page, baseURL }) => {
  const agent = new Agent(baseURL, await makeToken(page, ["docker:report"]));
  await agent.report();
  await page.route("**/api/agents/docker/containers/update", (route) =>
    route.fulfill({
      status: 400,
      json: { error: "docker_command_failed", message: "the host already has a command in progress" },
    }),
  );
  try {
    await page.goto(`/docker?q=host:${HOST}`);
    await rowNames(page, "Containers").filter({ hasText: "web" }).first().click();
    await page.getByRole("button", { name: "Update web" }).click();
    const dialog = page.getByRole("dialog", { name: "Update web?" });
    await dialog.getByRole("button", { name: "Update", exact: true }).click();
    await expect(dialog.getByRole("alert")).toContainText("already has a command in progress");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await expect(page.getByRole("button", { name: "Update web" })).toBeEnabled();
  } finally {
    await page.request.delete(`/api/agents/docker/hosts/${HOST}?force=true`, { headers: await csrf(page) });
  }
});
