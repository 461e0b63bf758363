// Walks through what keeps a server safe, each on a server of its own: a locked-out administrator, a new password, a login
// by a real provider, tokens from beginning to end, and every setting with one that the environment holds.

import type { Page } from "@playwright/test";
import { OWN_TOKEN, OwnProvider, OwnServer } from "./own";
import { expect, expectAccessible, PASSWORD, test, USER } from "./support";

const NEW_PASSWORD = "another horse battery";

/** What a person would look at; kept with the results. */
const look = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: `test-results/walk-${name}.png`, fullPage: true });

test("a locked-out administrator sets a new login by a token of the command line, and old sessions are dead", async ({
  page,
  errors,
  browser,
}) => {
  void errors;
  const server = await OwnServer.start();
  const elsewhere = await browser.newContext();
  const old = await elsewhere.newPage();
  await server.logIn(old);

  await page.goto(server.url);
  await page.getByRole("textbox", { name: "User" }).fill(USER);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await page.getByLabel("Password", { exact: true }).fill("forgotten long ago");
    const answer = page.waitForResponse("**/api/login");
    await page.getByRole("button", { name: "Log in", exact: true }).click();
    await answer;
  }
  await expect(page.getByRole("alert")).toContainText("locked for 15 minutes");
  await look(page, "locked");
  await page.getByRole("button", { name: "Locked out?" }).click();
  const form = page.getByRole("form", { name: "Set a new login" });
  await expect(form).toContainText("pulse-server recovery-token");
  await form.getByLabel("Recovery token").fill("0".repeat(64));
  await form.getByLabel("New password", { exact: true }).fill(NEW_PASSWORD);
  await form.getByLabel("Password again").fill(NEW_PASSWORD);
  await form.getByRole("button", { name: "Set it" }).click();
  await expect(form.getByRole("alert")).toBeVisible();
  await look(page, "recovery-wrong-token");

  await form.getByLabel("Recovery token").fill(server.command("recovery-token"));
  await expectAccessible(page, "recovery");
  await form.getByRole("button", { name: "Set it" }).click();
  await expect(page.getByRole("button", { name: `Log out ${USER}` })).toBeVisible();
  await look(page, "recovered");

  await old.reload();
  await expect(old.getByRole("heading", { name: "Log in" })).toBeVisible();
  await elsewhere.close();
  await server.stop();
});

test("a new password counts at once, and every other session ends", async ({ page, errors, browser }) => {
  void errors;
  const server = await OwnServer.start();
  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await server.logIn(other);
  await server.logIn(page);
  const form = page.getByRole("form", { name: "Change the password" });
  await form.getByLabel("Present password").fill("certainly not this");
  await form.getByLabel("New password", { exact: true }).fill(NEW_PASSWORD);
  await form.getByLabel("New password again").fill(NEW_PASSWORD);
  await form.getByRole("button", { name: "Change the password" }).click();
  await expect(form.getByRole("alert")).toContainText("Current password is incorrect");
  await form.getByLabel("Present password").fill(PASSWORD);
  await form.getByRole("button", { name: "Change the password" }).click();
  await expect(form.getByRole("status")).toContainText(
    "The password was changed. Other sessions have ended.",
  );
  await look(page, "new-password");
  // This one goes on.
  await page.reload();
  await expect(page.getByRole("heading", { name: "Security", exact: true })).toBeVisible();
  await expect(page.getByRole("table", { name: "Sessions" }).getByText("this one")).toHaveCount(1);

  await other.reload();
  await expect(other.getByRole("heading", { name: "Log in" })).toBeVisible();
  await server.logIn(other, NEW_PASSWORD);
  await elsewhere.close();
  await server.stop();
});

test("people log in by a provider, with the role of their group; who is in no group that may is told so", async ({
  page,
  errors,
  browser,
}) => {
  void errors;
  const server = await OwnServer.start();
  const provider = await OwnProvider.start(`${server.url}/api/oidc/callback`);
  await server.logIn(page);
  const form = page.getByRole("form", { name: "Login by a provider" });
  await form.getByLabel("Offer it on the login page").check();
  await form.getByLabel("Issuer").fill(`${provider.issuer}/`);
  await form.getByLabel("Client id").fill("pulse");
  await form.getByLabel("Client secret").fill("the secret of: pulse/+%");
  await form.getByLabel("Scopes").fill("openid profile email groups");
  await form.getByLabel("Claim of the groups").fill("groups");
  await form.getByLabel("Groups that may log in").fill("ops\nadmins");
  await form.getByLabel("Roles of groups").fill("ops=viewer");
  // The mistake that everybody makes once: one slash too many.
  await form.getByRole("button", { name: "Test" }).click();
  const found = form.getByRole("list", { name: "What the test found" });
  await expect(found).toContainText("configure exactly that");
  await form.getByLabel("Issuer").fill(provider.issuer);
  await form.getByRole("button", { name: "Test" }).click();
  await expect(found).toContainText(`${server.url}/api/oidc/callback`);
  await expect(found.getByText("wrong", { exact: true })).toHaveCount(0);
  await look(page, "provider-tested");
  await expectAccessible(page, "provider");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByRole("status")).toContainText("Saved");
  await page.reload();
  await expect(form.getByLabel("Roles of groups")).toHaveValue("ops=viewer");
  await expect(form.getByLabel("Groups that may log in")).toHaveValue("ops\nadmins");
  await page.getByRole("button", { name: `Log out ${USER}` }).click();

  await page.goto(`${server.url}/hosts`);
  await expect(page.getByRole("button", { name: "Log in by the provider" })).toBeVisible();
  await look(page, "provider-login");
  await page.getByRole("button", { name: "Log in by the provider" }).click();
  await provider.logIn(page, "kim");
  // Where they wanted to go, as who they are, with what their group may.
  await expect(page).toHaveURL(new RegExp(`^${server.url}/hosts`));
  await expect(page.getByRole("button", { name: "Log out kim" })).toBeVisible();
  expect((await page.request.get(`${server.url}/api/state`)).status()).toBe(200);
  expect((await page.request.get(`${server.url}/api/config/nodes`)).status()).toBe(403);
  await look(page, "provider-inside");
  await page.getByRole("button", { name: "Log out kim" }).click();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  expect((await page.request.get(`${server.url}/api/state`)).status()).toBe(401);

  const ofEve = await browser.newContext();
  const eve = await ofEve.newPage();
  await eve.goto(server.url);
  await eve.getByRole("button", { name: "Log in by the provider" }).click();
  await provider.logIn(eve, "eve");
  await expect(eve.getByRole("alert")).toContainText("None of your groups may log in here");
  expect((await eve.request.get(`${server.url}/api/state`)).status()).toBe(401);
  await expectAccessible(eve, "refused by group");
  await look(eve, "provider-refused");
  await ofEve.close();
  await provider.stop();
  await server.stop();
});

test("a token is made, used, renamed, given other rights and an end, and revoked", async ({
  page,
  errors,
}) => {
  void errors;
  const server = await OwnServer.start();
  await server.logIn(page);
  await page.goto(`${server.url}/settings/tokens`);
  await page.getByRole("button", { name: "New token" }).click();
  const form = page.getByRole("form", { name: "New token" });
  await form.getByLabel("Name", { exact: true }).fill("a script");
  await form.getByRole("button", { name: "Read only" }).click();
  await form.getByRole("button", { name: "Create token" }).click();
  const value = await page.getByTitle("API token").innerText();
  const status = async (path: string): Promise<number> =>
    (await fetch(`${server.url}${path}`, { headers: { "X-API-Token": value } })).status;
  expect(await status("/api/state")).toBe(200);
  expect(await status("/api/config/nodes")).toBe(403);
  await page.getByRole("button", { name: "I have copied it" }).click();

  const table = page.getByRole("table", { name: "API tokens" });
  await table.getByRole("button", { name: "Change a script" }).click();
  const change = page.getByRole("form", { name: "Change a script" });
  await expect(change.getByRole("checkbox", { checked: true })).toHaveCount(1);
  await change.getByLabel("Name", { exact: true }).fill("another script");
  await change.getByRole("checkbox", { name: /^monitoring:read/ }).uncheck();
  await change.getByRole("checkbox", { name: /^settings:read/ }).check();
  await change.getByLabel("Last day").fill("2099-12-31");
  await expectAccessible(page, "change a token");
  await look(page, "token-change");
  await change.getByRole("button", { name: "Save" }).click();
  const row = table.getByRole("row").filter({ hasText: "another script" });
  await expect(row).toContainText("settings:read");
  await expect(row).toContainText("2099");
  await expect(row).not.toContainText("monitoring:read");
  expect(await status("/api/state")).toBe(403);
  expect(await status("/api/config/nodes")).toBe(200);

  await row.getByRole("button", { name: "Revoke another script" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke token" }).click();
  await expect(row).toBeHidden();
  expect(await status("/api/config/nodes")).toBe(401);
  await server.stop();
});

const NUMBERS: Readonly<Record<string, string>> = {
  "Backup servers, seconds": "90",
  "Mail gateways, seconds": "91",
  "Backups, seconds": "600",
  "Give up a connection after, seconds": "20",
  "Port of SSH for temperatures": "2222",
  "A name that was looked up counts for, seconds": "120",
  "Begin with, seconds": "20",
  "At most every, seconds": "10",
  "At least every, seconds": "200",
  "Keep every sample, hours": "4",
  "Keep minutes, hours": "48",
  "Keep hours, days": "14",
  "Keep days, days": "120",
  "Addresses of one search": "512",
  "Wait for a connection, ms": "900",
  "Wait for an answer, ms": "1900",
  "Look every, hours": "12",
  "Public address": "https://pulse.example.net",
  "Private networks that notifications may reach": "10.0.0.0/8",
  "Allowed origins": "https://dash.example.net",
  "Which pages may": "https://home.example.net",
  Network: "192.0.2.0/24",
  "Only these networks": "10.0.0.0/24, 10.0.1.0/24",
  "Never these networks": "169.254.0.0/16, 10.9.0.0/16",
  "Install at": "03:00",
};
// Not the search of the network: a test asks nobody but itself.
const SWITCHES: readonly string[] = [
  "Read backups and snapshots",
  "Read temperatures",
  "Ask busy sources more often than quiet ones",
  "Other pages may show this one in a frame",
  "Hide the login by user and password",
  "Other clients take the whole width",
  "Look up the names of what is found",
  "Ask gateways first",
  "Install updates by itself",
  "Do not offer to update containers",
];
const CHOICES: Readonly<Record<string, string>> = {
  "What is written to the log": "debug",
  "Theme of other clients": "dark",
  "Where this server runs": "lxc_unprivileged",
  Channel: "rc",
};

test("every setting is changed, holds, and is there after a reload; what the environment holds is shown and cannot be", async ({
  page,
  errors,
}) => {
  void errors;
  const server = await OwnServer.start({ PVE_POLLING_INTERVAL: "30", DISCOVERY_MAX_CONCURRENT: "9" });
  await server.logIn(page);
  await page.goto(`${server.url}/settings/system`);
  const form = page.getByRole("form", { name: "System settings" });
  for (const [label, value] of [
    ["Proxmox VE, seconds", "30"],
    ["Addresses asked at once", "9"],
  ] as const) {
    const field = form.getByLabel(label, { exact: true });
    await expect(field).toBeDisabled();
    await expect(field).toHaveValue(value);
    await expect(field).toHaveAccessibleDescription(/Set by the environment/);
  }
  const before = new Map<string, boolean>();
  for (const [label, value] of Object.entries(NUMBERS))
    await form.getByLabel(label, { exact: true }).fill(value);
  for (const label of SWITCHES) {
    const box = form.getByRole("checkbox", { name: label });
    before.set(label, await box.isChecked());
    await box.setChecked(before.get(label) !== true);
  }
  for (const [label, id] of Object.entries(CHOICES)) {
    await form.getByLabel(label, { exact: true }).selectOption(id);
  }
  // One that is out of its range is said, and nothing is sent.
  await form.getByLabel("Backup servers, seconds").fill("5");
  await expect(
    form.getByText("A whole number from 10 to 3,600").or(form.getByText("A whole number from 10 to 3600")),
  ).toBeVisible();
  await expect(form.getByRole("button", { name: "Save" })).toBeDisabled();
  await form.getByLabel("Backup servers, seconds").fill("90");
  await look(page, "settings-changed");
  await expectAccessible(page, "every setting");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByRole("button", { name: "Discard" })).toBeDisabled();

  await page.reload();
  for (const [label, value] of Object.entries(NUMBERS)) {
    await expect(form.getByLabel(label, { exact: true }), label).toHaveValue(value);
  }
  for (const label of SWITCHES) {
    await expect(form.getByRole("checkbox", { name: label }), label).toBeChecked({
      checked: before.get(label) !== true,
    });
  }
  for (const [label, id] of Object.entries(CHOICES)) {
    await expect(form.getByLabel(label, { exact: true }), label).toHaveValue(id);
  }
  // And it is what the server says, not what the page remembers.
  const kept = await (
    await fetch(`${server.url}/api/system/settings`, { headers: { "X-API-Token": OWN_TOKEN } })
  ).json();
  expect(kept.pbsPollingInterval).toBe(90);
  expect(kept.pvePollingInterval).toBe(30);
  expect(kept.discoveryConfig.subnet_allowlist).toEqual(["10.0.0.0/24", "10.0.1.0/24"]);
  expect(kept.discoveryConfig.max_concurrent).toBe(9);
  await page.goto(`${server.url}/settings/security`);
  await expect(page.getByRole("region", { name: "State of security" })).toContainText(
    "https://dash.example.net",
  );
  await look(page, "posture");
  await server.stop();
});
