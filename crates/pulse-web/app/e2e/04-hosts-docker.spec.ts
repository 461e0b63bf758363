import { csrf, expect, lookAt, makeToken, rowNames, test } from "./support";

test("this machine is on the hosts page with disks, network and charts", async ({ inside: page }) => {
  await page.goto("/hosts");
  const row = rowNames(page, "Hosts").first();
  await expect(row).toBeVisible();
  const name = await row.innerText();
  await row.click();
  const drawer = page.getByRole("complementary", { name });
  await expect(drawer.getByRole("term").filter({ hasText: "Memory" })).toBeVisible();
  await expect(drawer.getByRole("table", { name: "File systems" })).toBeVisible();
  await expect(drawer.getByRole("table", { name: "Network interfaces" })).toBeVisible();
  await expect(drawer.getByRole("img", { name: /^CPU.*now/ }).locator("canvas")).toBeVisible({
    timeout: 30_000,
  });
  await page.keyboard.press("Escape");
  await expect(drawer).toBeHidden();
});

test("containers are shown by host, or the page says how they come here", async ({ inside: page }) => {
  await page.goto("/docker");
  const state = (await (await page.request.get("/api/state")).json()) as {
    dockerHosts: { status: string; containers: { name: string; state: string }[] }[];
  };
  const containers = state.dockerHosts.flatMap((host) => host.containers);
  if (state.dockerHosts.length === 0) {
    await expect(page.getByRole("heading", { name: "No Docker or Podman host yet" })).toBeVisible();
    return;
  }
  await expect(rowNames(page, "Docker hosts")).toHaveCount(state.dockerHosts.length);
  await expect(rowNames(page, "Containers")).toHaveCount(containers.length);
  const running = containers.find((container) => container.state === "running");
  if (running === undefined) return;
  await rowNames(page, "Containers").filter({ hasText: running.name }).first().click();
  const drawer = page.getByRole("complementary", { name: running.name });
  await expect(drawer.getByRole("term").filter({ hasText: "Memory" })).toBeVisible();
  await expect(drawer.getByRole("img", { name: /^CPU/ }).locator("canvas")).toBeVisible();
  await page.goto("/docker?state=stopped");
  await expect(rowNames(page, "Containers")).toHaveCount(
    state.dockerHosts.flatMap((host) =>
      host.containers.filter((container) => host.status === "offline" || container.state !== "running"),
    ).length,
  );
});

test("services of a swarm stand above the containers, and their tasks in a drawer", async ({
  inside: page,
  baseURL,
}) => {
  const id = "swarm-spec";
  const token = await makeToken(page, ["docker:report"]);
  try {
    const answer = await fetch(`${baseURL}/api/agents/docker/report`, {
      method: "POST",
      headers: { "X-API-Token": token, "Content-Type": "application/json" },
      body: JSON.stringify({
        agent: { id, version: "5.1.0", type: "unified", intervalSeconds: 300 },
        host: {
          hostname: id,
          runtime: "docker",
          swarm: { nodeId: "n1", nodeRole: "manager", localState: "active", controlAvailable: true },
        },
        containers: [{ id: "c".repeat(16), name: "swarm-spec-web", image: "web:1", state: "running" }],
        services: [
          {
            id: "s1",
            name: "swarm-spec-shop",
            image: "web:1",
            mode: "replicated",
            desiredTasks: 2,
            runningTasks: 1,
          },
        ],
        tasks: [
          { id: "t1", serviceId: "s1", serviceName: "swarm-spec-shop", slot: 1, currentState: "running" },
        ],
      }),
    });
    expect(answer.status, await answer.text()).toBe(200);
    await page.goto("/docker");
    const service = rowNames(page, "Services").filter({ hasText: "swarm-spec-shop" });
    await expect(service).toBeVisible();
    await expect(page.getByRole("table", { name: "Containers" })).toBeVisible();
    await expect(page.getByRole("region", { name: "Containers" })).toMatchAriaSnapshot(`
      - region "Containers":
        - group "List":
          - button "All" [pressed]
          - button "Containers"
          - button "Services"
    `);
    await lookAt(page, "services of a swarm");
    await service.click();
    const drawer = page.getByRole("complementary", { name: "swarm-spec-shop" });
    await expect(drawer.getByRole("table", { name: "Tasks" })).toContainText("running");
    await page.keyboard.press("Escape");
    await page.getByRole("group", { name: "List" }).getByRole("button", { name: "Services" }).click();
    await expect(page.getByRole("table", { name: "Containers" })).toHaveCount(0);
    await expect(service).toBeVisible();
    await page.getByRole("group", { name: "List" }).getByRole("button", { name: "All" }).click();
    await expect(page.getByRole("table", { name: "Containers" })).toBeVisible();
  } finally {
    await page.request.delete(`/api/agents/docker/hosts/${id}?force=true`, { headers: await csrf(page) });
  }
});
