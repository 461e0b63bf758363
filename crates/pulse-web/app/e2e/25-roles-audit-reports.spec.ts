// Users and roles, the audit log and reports: on a server of their own that has every feature, and without a licence.

import { OWN_TOKEN, OwnServer } from "./own";
import { expect, lookAt, test } from "./support";

const HOSTILE = `<img src=x onerror="document.title='hit'"> \u202egnp.exe ${"x".repeat(900)}`;

const api = (server: OwnServer, path: string, method = "GET", body?: unknown): Promise<Response> =>
  fetch(`${server.url}${path}`, {
    method,
    headers: { "X-API-Token": OWN_TOKEN },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

test("without a licence each page says what is missing and what works all the same", async ({
  inside: page,
}) => {
  for (const [address, title] of [
    ["/settings/roles", "Roles: not in the licence"],
    ["/settings/audit", "The audit log: not in the licence"],
    ["/settings/reports", "Reports: not in the licence"],
  ] as const) {
    await page.goto(address);
    await expect(page.getByRole("heading", { name: title })).toBeVisible();
    await expect(page.getByRole("main").getByRole("alert")).toHaveCount(0);
    await lookAt(page, `unlicensed ${address.split("/").pop()}`);
  }
});

test("a role is made, given to somebody, and everything stands in the audit log", async ({
  page,
  errors,
}) => {
  void errors;
  const server = await OwnServer.start({ PULSE_DEV: "true" });
  await server.logIn(page);
  await page.goto(`${server.url}/settings/roles`);
  await expect(page.getByRole("main")).toMatchAriaSnapshot(`
    - main:
      - navigation "Settings"
      - heading "Users and roles" [level=1]
      - button "Give roles to a user"
      - button "New role"
      - region "Users":
        - heading "Users" [level=2]
        - heading "Nobody was given roles" [level=2]
      - region "Roles":
        - heading "Roles" [level=2]
        - table "Roles":
          - rowgroup:
            - row "Name Permissions Users Actions"
          - rowgroup:
            - row /Administrator/
            - row /Operator/
            - row /Viewer/
            - row /Auditor/
  `);
  await lookAt(page, "roles before any");

  await page.getByRole("button", { name: "New role" }).click();
  const form = page.getByRole("form", { name: "New role" });
  await form.getByRole("button", { name: "Save role" }).click();
  await expect(form.getByText("The role needs a name")).toBeVisible();
  await form.getByLabel("Name", { exact: true }).fill("Night <b>shift</b>");
  await expect(form.getByLabel("Id", { exact: true })).toHaveValue("night-b-shift-b");
  await form.getByLabel("Id", { exact: true }).fill("viewer");
  await form.getByRole("button", { name: "Save role" }).click();
  await expect(form.getByText("There is a role of this id already")).toBeVisible();
  await form.getByLabel("Id", { exact: true }).fill("night");
  await form.getByLabel("Builds on").selectOption("Viewer");
  await form.getByRole("button", { name: "Change, Alerts: says nothing" }).click();
  await expect(form.getByRole("button", { name: "Change, Alerts: allowed" })).toBeVisible();
  await form.getByRole("button", { name: "Read, Settings: says nothing" }).click();
  await form.getByRole("button", { name: "Read, Settings: allowed" }).click();
  await expect(form.getByRole("button", { name: "Read, Settings: denied" })).toBeVisible();
  await lookAt(page, "role form");
  await form.getByRole("button", { name: "Save role" }).click();
  const roles = page.getByRole("table", { name: "Roles" });
  await expect(roles.getByRole("row").filter({ hasText: "Night <b>shift</b>" })).toContainText(
    "not Read: Settings",
  );

  await page.getByRole("button", { name: "Give roles to a user" }).click();
  const give = page.getByRole("form", { name: "Give roles to a user" });
  await give.getByLabel("User name").fill("kim <b>");
  await give.getByRole("button", { name: "Save roles" }).click();
  await expect(give.getByText(/1 to 128 letters/)).toBeVisible();
  await give.getByLabel("User name").fill("kim@example.org");
  await give.getByRole("checkbox", { name: /Night/ }).check();
  await give.getByRole("button", { name: "Save roles" }).click();
  const users = page.getByRole("table", { name: "Users" });
  await expect(users.getByRole("row").filter({ hasText: "kim@example.org" })).toContainText(
    "Night <b>shift</b>",
  );
  await users.getByRole("button", { name: "Change kim@example.org" }).click();
  const change = page.getByRole("form", { name: "Change the roles of a user" });
  await expect(change.getByText("What they may do now")).toBeVisible();
  await expect(change).toContainText("Read: All of it");
  await lookAt(page, "roles of a user");
  await change.getByRole("button", { name: "Cancel" }).click();

  // Whatever somebody writes there over the API harms nothing here.
  await api(server, "/api/admin/roles/hostile", "PUT", {
    name: HOSTILE,
    description: HOSTILE,
    permissions: [],
  });
  await api(server, "/api/admin/users/kim@example.org/roles", "PUT", { roleIds: ["hostile", "night"] });
  await api(server, "/api/login", "POST", { username: HOSTILE, password: "guess" });
  await page.reload();
  await expect(roles.getByRole("row").filter({ hasText: "onerror" })).toBeVisible();
  await lookAt(page, "roles with hostile names");
  await roles.getByRole("button", { name: /^Delete .<img/ }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("1 user loses it at once");
  await lookAt(page, "deleting a hostile role");
  await dialog.getByRole("button", { name: "Delete role" }).click();
  await expect(dialog).toBeHidden();
  await expect(users).not.toContainText("onerror");
  await expect(page).not.toHaveTitle(/hit/);

  await page.goto(`${server.url}/settings/audit`);
  const log = page.getByRole("table", { name: "Audit log" });
  await expect(log.getByRole("row").nth(1)).toContainText("Role deleted");
  await expect(log).toMatchAriaSnapshot(`
    - table "Audit log":
      - rowgroup:
        - row "When Event User From where Signature"
      - rowgroup:
        - row /done Role deleted role hostile admin/
        - row /not done Login Invalid credentials/
  `);
  await log.getByRole("button", { name: /^Check the signature of Role deleted/ }).click();
  await expect(log.getByText("as it was written")).toBeVisible();
  await lookAt(page, "audit log with hostile names");
  const hooks = page.getByRole("form", { name: "Send events elsewhere" });
  await hooks.getByLabel("Addresses, one a line").fill("http://169.254.169.254/latest");
  await hooks.getByRole("button", { name: "Save addresses" }).click();
  await expect(hooks.getByRole("alert")).toContainText("Invalid webhook URL");
  await api(server, "/api/system/settings/update", "POST", { webhookAllowedPrivateCIDRs: "127.0.0.0/8" });
  await hooks.getByLabel("Addresses, one a line").fill("http://127.0.0.1:9/hook");
  await hooks.getByRole("button", { name: "Save addresses" }).click();
  await expect(hooks.getByRole("alert")).toHaveCount(0);
  await page.reload();
  await expect(hooks.getByLabel("Addresses, one a line")).toHaveValue("http://127.0.0.1:9/hook");
  await page.getByLabel("Result").selectOption("Not done");
  await expect(log.getByRole("row")).toHaveCount(2);
  await expect(page).toHaveURL(/result=false/);
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByLabel("Event", { exact: true }).selectOption("Login");
  await page.getByLabel("User, as written").fill("nobody");
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.getByText("No event matches the filter.")).toBeVisible();
  await expect(page).not.toHaveTitle(/hit/);

  await page.goto(`${server.url}/settings/reports`);
  await expect(page.getByRole("heading", { name: "Nothing is watched yet" })).toBeVisible();
  await lookAt(page, "reports of nothing");
  await server.stop();
});

test("the audit log is read page by page", async ({ inside: page }) => {
  const event = (at: number) => ({
    id: `e-${at}`,
    timestamp: "2026-11-25T22:04:00Z",
    event: at % 2 === 0 ? "login" : "something_new",
    user: `user ${at}`,
    ip: "192.0.2.7",
    path: "/api/login",
    success: at % 3 !== 0,
  });
  await page.route("**/api/audit?*", (route) => {
    const query = new URL(route.request().url()).searchParams;
    const [offset, limit] = [Number(query.get("offset")), Number(query.get("limit"))];
    const rows = Array.from({ length: Math.max(0, Math.min(limit, 120 - offset)) }, (_, row) =>
      event(offset + row),
    );
    return route.fulfill({ json: { events: rows, persistentLogging: true, total: 120 } });
  });
  await page.route("**/api/audit/*/verify", (route) =>
    route.fulfill({ json: { available: true, message: "", verified: false } }),
  );
  await page.goto("/settings/audit");
  const pages = page.getByRole("navigation", { name: "Pages of the audit log" });
  await expect(pages).toContainText("1 to 50 of 120");
  await expect(pages.getByRole("button", { name: "Newer" })).toBeDisabled();
  await pages.getByRole("button", { name: "Older" }).click();
  await pages.getByRole("button", { name: "Older" }).click();
  await expect(pages).toContainText("101 to 120 of 120");
  await expect(pages.getByRole("button", { name: "Older" })).toBeDisabled();
  await expect(page).toHaveURL(/page=2/);
  await page
    .getByRole("button", { name: /^Check the signature of/ })
    .first()
    .click();
  await expect(page.getByText("changed since, or not by this server")).toBeVisible();
  await lookAt(page, "audit log, last page");
});

test("who may not read them is told why", async ({ inside: page }) => {
  const refusal = { error: "forbidden", message: "no", action: "read", resource: "audit_logs" };
  await page.route("**/api/audit?*", (route) => route.fulfill({ status: 403, json: refusal }));
  for (const path of ["roles", "users"])
    await page.route(`**/api/admin/${path}`, (route) =>
      route.fulfill({ status: 403, json: { error: "missing_scope", requiredScope: "settings:read" } }),
    );
  await page.goto("/settings/audit");
  await expect(page.getByText("Your roles do not allow “read” on “audit_logs”.")).toBeVisible();
  await lookAt(page, "audit log forbidden");
  await page.goto("/settings/roles");
  await expect(page.getByText("The right settings:read is missing.")).toBeVisible();
});

test("a report is made of a node, and the browser saves it", async ({ page, errors }) => {
  void errors;
  const server = await OwnServer.start({ PULSE_DEV: "true", PULSE_MOCK_MODE: "true" });
  await server.logIn(page);
  await page.goto(`${server.url}/settings/reports`);
  const form = page.getByRole("form", { name: "New report" });
  await expect(form.getByText(/resources match/)).toBeVisible();
  await form.getByLabel("Find a resource").fill("node");
  await expect(form.getByLabel("Resource", { exact: true })).toContainText("Node");
  await lookAt(page, "report form");
  const [pdf] = await Promise.all([
    page.waitForEvent("download"),
    form.getByRole("button", { name: "Make the report" }).click(),
  ]);
  expect(pdf.suggestedFilename()).toMatch(/^report-.*\.pdf$/);
  await expect(form.getByRole("status").filter({ hasText: "was saved" })).toBeVisible();
  await form.getByRole("button", { name: "CSV, for a spreadsheet" }).click();
  const [csv] = await Promise.all([
    page.waitForEvent("download"),
    form.getByRole("button", { name: "Make the report" }).click(),
  ]);
  expect(csv.suggestedFilename()).toMatch(/\.csv$/);
  await form.getByRole("button", { name: "From … until" }).click();
  await form.getByRole("button", { name: "Make the report" }).click();
  await expect(form.getByRole("alert")).toContainText("Choose both days");
  await form.getByLabel("Find a resource").fill("no such thing");
  await expect(form.getByRole("button", { name: "Make the report" })).toBeDisabled();
  await server.stop();
});

test("a viewer and an auditor see what their roles allow, and of the rest why not", async ({ browser }) => {
  const server = await OwnServer.start({
    PULSE_DEV: "true",
    PROXY_AUTH_SECRET: "between-us",
    PROXY_AUTH_USER_HEADER: "X-User",
  });
  const as = (user: string) => ({ "X-Proxy-Secret": "between-us", "X-User": user });
  for (const [user, roleIds] of [
    ["kim", ["viewer"]],
    ["ada", ["auditor"]],
  ] as const) {
    const given = await fetch(`${server.url}/api/admin/users/${user}/roles`, {
      method: "PUT",
      headers: as("root"),
      body: JSON.stringify({ roleIds }),
    });
    expect(given.status).toBe(204);
  }
  const forbidden = "You may not see this";
  for (const [user, seen] of [
    ["kim", { commands: forbidden, roles: forbidden, audit: "Audit log", reports: "Nothing is watched yet" }],
    ["ada", { commands: forbidden, roles: forbidden, audit: "Audit log", reports: "Nothing is watched yet" }],
  ] as const) {
    const context = await browser.newContext({
      extraHTTPHeaders: as(user),
    });
    const page = await context.newPage();
    for (const [name, heading] of Object.entries(seen)) {
      await page.goto(`${server.url}/settings/${name}`);
      await expect(
        page.getByRole("heading", { name: heading, exact: true }),
        `${user}: ${name}`,
      ).toBeVisible();
    }
    // Who reads the log does not decide where it is sent.
    await page.goto(`${server.url}/settings/audit`);
    await expect(page.getByRole("table", { name: "Audit log" })).toContainText("Roles of a user changed");
    await expect(page.getByRole("form", { name: "Send events elsewhere" })).toHaveCount(0);
    await lookAt(page, `audit log as ${user}`);
    await context.close();
  }
  await server.stop();
});
