import { expect, rowNames, test } from "./support";

test("where WebSockets are blocked the page polls, says so, and is still right", async ({ inside: page }) => {
  await page.routeWebSocket(/\/ws/, (socket) => {
    void socket.close();
  });
  await page.goto("/hosts");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Polling", {
    timeout: 30_000,
  });
  await expect(rowNames(page, "Hosts").first()).toBeVisible();
});

test("without a server the page keeps the last state and says how old it is; then it reconnects", async ({
  inside: page,
}) => {
  let isBlocked = false;
  const sockets = new Set<{ close: () => Promise<void> }>();
  await page.routeWebSocket(/\/ws/, (socket) => {
    if (isBlocked) {
      void socket.close();
      return;
    }
    socket.connectToServer();
    sockets.add(socket);
  });
  await page.goto("/hosts");
  const state = page.getByRole("status", { name: "Connection" });
  await expect(state).toContainText("Live");
  isBlocked = true;
  await page.route("**/api/**", (route) => route.abort());
  for (const socket of sockets) await socket.close();
  await expect(state).toContainText("Offline");
  await expect(state).toContainText("old");
  await expect(rowNames(page, "Hosts").first()).toBeVisible();

  isBlocked = false;
  await page.unroute("**/api/**");
  await expect(state).toContainText("Live", { timeout: 45_000 });
});

test("a session that ended elsewhere leads to the login and back to the same view", async ({
  inside: page,
}) => {
  await page.goto("/hosts?q=a");
  await expect(page.getByRole("table", { name: "Hosts" })).toBeVisible();
  await page.context().clearCookies();
  await page.getByRole("link", { name: "Settings" }).click();
  await expect(page.getByText("Your session has ended")).toBeVisible();
});

test("what the server sends that does not parse ends in a fresh start, not in a broken page", async ({
  inside: page,
}) => {
  let connections = 0;
  await page.routeWebSocket(/\/ws/, (socket) => {
    connections += 1;
    const server = socket.connectToServer();
    if (connections > 1) return;
    server.onMessage((message) => {
      socket.send(message);
      socket.send("{half a mess");
    });
  });
  await page.goto("/hosts");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  await expect.poll(() => connections).toBeGreaterThan(1);
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  await expect(rowNames(page, "Hosts").first()).toBeVisible();
});

test("the page asks nobody but its server", async ({ inside: page, baseURL }) => {
  const others: string[] = [];
  page.on("request", (request) => {
    if (baseURL !== undefined && !request.url().startsWith(baseURL) && !request.url().startsWith("data:")) {
      others.push(request.url());
    }
  });
  for (const address of ["/proxmox", "/docker", "/hosts", "/settings/nodes"]) {
    await page.goto(address);
    await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  }
  expect(others).toEqual([]);
});
