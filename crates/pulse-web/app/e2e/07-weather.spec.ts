import { expect, lookAt, PASSWORD, routeLive, rowNames, test, USER } from "./support";

test("where WebSockets are blocked the page polls, says so, and is still right", async ({ inside: page }) => {
  await routeLive(page, (socket) => {
    void socket.close();
  });
  await page.goto("/hosts");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Polling", {
    timeout: 30_000,
  });
  // What that means is said, not only shown.
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("blocks WebSockets");
  await expect(rowNames(page, "Hosts").first()).toBeVisible();
  await lookAt(page, "sockets blocked");
});

test("without a server the page keeps the last state and says how old it is; then it reconnects", async ({
  inside: page,
}) => {
  let isBlocked = false;
  const sockets = new Set<{ close: () => Promise<void> }>();
  await routeLive(page, (socket) => {
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
  await lookAt(page, "server gone");

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
  await routeLive(page, (socket) => {
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

test("a session that ends in the middle of a form costs nothing that was typed", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Add node" }).click();
  const form = page.getByRole("form", { name: "Add a node" });
  await form.getByLabel("Address").fill("pve9.lan");
  await form.getByLabel("Token id").fill("pulse@pve!monitor");
  await form.getByLabel("Token secret").fill("typed with care");
  await page.context().clearCookies();
  await form.getByRole("button", { name: "Test connection" }).click();
  const login = page.getByRole("dialog", { name: "Log in" });
  await expect(login).toContainText("Your session has ended");
  await lookAt(page, "session ended in a form");
  await login.getByLabel("User").fill(USER);
  await login.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(login).toBeHidden();
  await expect(form.getByLabel("Address")).toHaveValue("pve9.lan");
  await expect(form.getByLabel("Token secret")).toHaveValue("typed with care");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  await page.context().storageState({ path: "test-results/session.json" });
});

test("a server that came back as another version asks for a reload", async ({ inside: page }) => {
  let version = "1.0.0";
  await page.route("**/api/version", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ json: { ...(await answer.json()), version } });
  });
  const sockets = new Set<{ close: () => Promise<void> }>();
  await routeLive(page, (socket) => {
    socket.connectToServer();
    sockets.add(socket);
  });
  // What it is another version than: the page has to know that first.
  const first = page.waitForResponse("**/api/version");
  await page.goto("/hosts");
  await first;
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  await expect(page.getByText("The server was updated")).toBeHidden();
  version = "2.0.0";
  for (const socket of sockets) await socket.close();
  await expect(page.getByText("The server was updated")).toBeVisible({ timeout: 30_000 });
  await lookAt(page, "server updated");
});

test("an answer of a proxy instead of the server is named, and the rest goes on", async ({
  inside: page,
}) => {
  await page.route("**/api/config/nodes", (route) =>
    route.fulfill({ contentType: "text/html", body: "<html>Sign in to the hotel's network</html>" }),
  );
  await page.goto("/settings/nodes");
  await expect(page.getByRole("alert")).toContainText("the answer is not the server's");
  await lookAt(page, "answer of a proxy");
  await page.getByRole("link", { name: "Hosts", exact: true }).click();
  await expect(rowNames(page, "Hosts").first()).toBeVisible();
});

test("a browser whose clock is wrong by hours still says right ages", async ({ inside: page }) => {
  await page.addInitScript(() => {
    const real = Date.now;
    Date.now = () => real() - 5 * 3_600_000;
  });
  await page.goto("/hosts");
  const heard = page.getByRole("table", { name: "Hosts" }).getByText(/heard \d+\ss ago/);
  await expect(heard.first()).toBeVisible({ timeout: 30_000 });
  await lookAt(page, "clock wrong");
});

test("a part of the page that cannot be loaded says so and can be tried again", async ({ inside: page }) => {
  await page.goto("/hosts");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  await page.route("**/assets/TokensPage*", (route) => route.abort());
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("link", { name: "API tokens" }).click();
  await expect(page.getByRole("alert")).toContainText("could not be shown");
  await expect(page.getByRole("button", { name: "Reload the page" })).toBeVisible();
  await lookAt(page, "part not loaded");
});

test("a screen on the wall needs no login, shows no controls, and can only read", async ({
  inside: page,
  browser,
  baseURL,
}) => {
  await page.goto("/settings/appearance");
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByTitle("Link").innerText();
  const screen = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  const wall = await screen.newPage();
  await wall.goto(link);
  await expect(wall.getByRole("status", { name: "Connection" })).toContainText("Live");
  await expect(wall.getByRole("navigation", { name: "Areas" })).toBeHidden();
  // Nothing to press but the rows and their order.
  await expect(rowNames(wall, "Guests").first()).toBeVisible({ timeout: 30_000 });
  await expect(wall.getByRole("group")).toHaveCount(0);
  await expect(wall.getByRole("navigation")).toHaveCount(0);
  await expect(wall.getByRole("button", { name: "Copy as CSV" })).toBeHidden();
  // The token does not stay in the address.
  expect(wall.url()).not.toContain("token");
  await wall.reload();
  await expect(wall.getByRole("status", { name: "Connection" })).toContainText("Live");
  await screen.close();
});

test("a server that is not there from the start is said, and found when it comes", async ({
  page,
  errors,
}) => {
  void errors;
  await page.route("**/api/**", (route) => route.abort());
  await page.goto("/");
  const note = page.getByRole("alert");
  await expect(note).toContainText("The server cannot be reached");
  await lookAt(page, "no server from the start");
  await page.unroute("**/api/**");
  await expect(note).toBeHidden({ timeout: 15_000 });
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
});
