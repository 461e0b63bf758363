// The trail of commands: who had what run where, and that no text in it gets out of its place.

import { expect, lookAt, makeToken, test } from "./support";

const HOSTILE = `<img src=x onerror="document.title='hit'"> \u202egnp.exe ${"x".repeat(10_000)}`;

const TRAIL = [
  {
    id: "1",
    by: "admin",
    at: "2026-11-25T22:04:00Z",
    hostId: "h1",
    hostname: "nas",
    target: "host",
    command: "df -h",
    outcome: "completed",
    exitCode: 0,
    endedAt: "2026-11-25T22:04:02Z",
  },
  {
    id: "2",
    by: HOSTILE,
    at: "2026-11-25T21:00:00Z",
    hostId: HOSTILE,
    hostname: HOSTILE,
    target: "container 101",
    command: HOSTILE,
    outcome: "refused",
    error: HOSTILE,
    endedAt: "2026-11-25T21:00:00Z",
  },
  {
    id: "3",
    by: "token:7f2a",
    at: "2026-11-25T20:00:00Z",
    hostId: "h1",
    hostname: "nas",
    target: "host",
    command: "smartctl -a /dev/sda",
  },
];

test("without any command the page says when there would be some", async ({ inside: page }) => {
  await page.route("**/api/agents/commands*", (route) => route.fulfill({ json: { commands: [] } }));
  await page.goto("/settings/commands");
  await expect(page.getByRole("main")).toMatchAriaSnapshot(`
    - main:
      - navigation "Settings"
      - heading "Commands" [level=1]
      - button "Read again"
      - heading "No command was run" [level=2]
  `);
  await lookAt(page, "no commands");
});

test("commands are shown with what came of them, and narrowed down", async ({ inside: page }) => {
  await page.route("**/api/agents/commands*", (route) => route.fulfill({ json: { commands: TRAIL } }));
  await page.goto("/settings/commands");
  const table = page.getByRole("table", { name: "Commands" });
  await expect(table.getByRole("row")).toHaveCount(4);
  await expect(table).toMatchAriaSnapshot(`
    - table "Commands":
      - rowgroup:
        - row "When By Machine Command Outcome"
      - rowgroup:
        - row /admin nas df -h done exit status 0 in 2 s/
        - row /refused by this server's list/
        - row /token:7f2a nas smartctl -a .* runs, or the server stopped meanwhile/
  `);
  await expect(page).not.toHaveTitle(/hit/);
  await lookAt(page, "commands with hostile texts");
  await page.getByLabel("Containing").fill("SMARTCTL nas");
  await expect(page.getByRole("status").filter({ hasText: "1 command" })).toBeVisible();
  await expect(table.getByRole("row")).toHaveCount(2);
  await page.getByLabel("Containing").fill("");
  await page.getByLabel("Outcome").selectOption("Not done");
  await expect(table.getByRole("row")).toHaveCount(2);
  await expect(page).toHaveURL(/outcome=bad/);
  await page.getByLabel("Containing").fill("nothing has this");
  await expect(page.getByText("No command matches the filter.")).toBeVisible();
});

test("who may not read it is told why, and a failure can be tried again", async ({ inside: page }) => {
  let answers = 0;
  await page.route("**/api/agents/commands*", (route) => {
    answers += 1;
    if (answers === 1) return route.fulfill({ status: 403, json: { error: "Admin privileges required" } });
    if (answers === 2) return route.fulfill({ status: 500, json: { error: "disk full" } });
    return route.fulfill({ json: { commands: TRAIL } });
  });
  await page.goto("/settings/commands");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await expect(page.getByText("Only administrators of this server may.")).toBeVisible();
  await lookAt(page, "commands forbidden");
  await page.reload();
  await expect(page.getByRole("alert")).toContainText("The commands could not be read: disk full");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("table", { name: "Commands" })).toBeVisible();
});

test("a machine that goes is marked, and stays until it is removed", async ({ inside: page, baseURL }) => {
  const token = await makeToken(page, ["docker:report"]);
  const id = "spec-going";
  const reported = await fetch(`${baseURL}/api/agents/docker/report`, {
    method: "POST",
    headers: { "X-API-Token": token, "Content-Type": "application/json" },
    body: JSON.stringify({
      agent: { id, version: "5.1.0", intervalSeconds: 300 },
      host: { hostname: "going <b>", runtime: "docker" },
      containers: [],
    }),
  });
  expect(reported.status, await reported.text()).toBe(200);
  await page.goto("/settings/agents");
  await page.getByRole("button", { name: "Manage going <b>, Docker" }).click();
  const manage = page.getByRole("region", { name: "Manage going <b>" });
  await manage.getByRole("button", { name: "Remove…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Only mark it" }).click();
  await expect(dialog).toBeHidden();
  const row = page
    .getByRole("table", { name: "Agents that report" })
    .getByRole("row")
    .filter({ hasText: "going <b>" });
  await expect(row).toContainText("is being removed");
  await manage.getByRole("button", { name: "Remove…" }).click();
  await expect(dialog.getByRole("button", { name: "Only mark it" })).toHaveCount(0);
  await lookAt(page, "removing a marked host");
  await dialog.getByRole("checkbox", { name: /at once/ }).check();
  await dialog.getByRole("button", { name: "Remove", exact: true }).click();
  await expect(row).toHaveCount(0);
});
