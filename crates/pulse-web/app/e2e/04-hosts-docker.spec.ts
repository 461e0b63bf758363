import { expect, rowNames, test } from "./support";

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
