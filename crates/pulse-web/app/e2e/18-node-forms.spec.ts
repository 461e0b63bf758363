// A backup server and a mail gateway through the form, from nothing to nothing: added with a test, read, changed, removed.

import type { Page } from "@playwright/test";
import { expect, expectAccessible, rowNames, test, variable } from "./support";

const SOON = { timeout: 90_000 };

interface Described {
  host: string;
  fingerprint: string;
  tokenName?: string;
  tokenValue?: string;
  user?: string;
  password?: string;
}

const described = (name: "SIM_PBS" | "SIM_PMG"): Described => JSON.parse(variable(name)) as Described;

const entry = (page: Page, name: string) =>
  page.getByRole("table", { name: "Configured nodes" }).locator(`tr[data-node='${name}']`).first();

async function opensForm(page: Page, kind: string, as: string) {
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Add node" }).click();
  const form = page.getByRole("form", { name: "Add a node" });
  await form.getByRole("button", { name: kind }).click();
  await form.getByRole("textbox", { name: "Name" }).fill(as);
  return form;
}

async function removes(page: Page, name: string): Promise<void> {
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: `Remove ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove node" }).click();
  await expect(entry(page, name)).toBeHidden();
}

test("a backup server is added, read whole, told what to leave out, and removed", async ({
  inside: page,
}) => {
  test.setTimeout(240_000);
  const machine = described("SIM_PBS");
  const form = await opensForm(page, "Backup Server", "forms-vault");
  await form.getByLabel("Address").fill(machine.host);
  await form.getByLabel("Token id").fill(machine.tokenName ?? "");
  // A secret that is none: the reason in the server's words, and nothing is stored.
  await form.getByLabel("Token secret").fill("wrong");
  await form.getByLabel("Certificate fingerprint").fill(machine.fingerprint);
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByRole("alert")).toContainText(`refuses the API token ${machine.tokenName}`);
  await form.getByLabel("Token secret").fill(machine.tokenValue ?? "");
  // Without fingerprint and authority a certificate of its own is refused, and the message says what to do.
  await form.getByLabel("Certificate fingerprint").fill("");
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByRole("alert")).toContainText("is not trusted");
  await form.getByRole("button", { name: "Look at its certificate" }).click();
  await expect(form.getByLabel("Certificate fingerprint")).toHaveValue(machine.fingerprint);
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByText(/Found 4 datastore/)).toBeVisible(SOON);
  await form.getByText("What is read, and where people open it").click();
  for (const part of ["Datastores", "Sync jobs", "Verify jobs", "Prune jobs", "Garbage collection"]) {
    await expect(form.getByRole("checkbox", { name: part, exact: true })).toBeChecked();
  }
  await expectAccessible(page, "the form for a backup server");
  await page.screenshot({ path: "test-results/form-pbs.png", fullPage: true });
  await form.getByRole("button", { name: "Add node", exact: true }).click();
  await expect(entry(page, "forms-vault").getByText("Proxmox Backup Server, connected")).toBeVisible(SOON);

  // Among the nodes, and from there to its datastores.
  await page.goto("/proxmox");
  const row = rowNames(page, "Proxmox nodes").filter({ hasText: "forms-vault" });
  await expect(row).toBeVisible(SOON);
  await row.click();
  await expect(page).toHaveURL(/\/proxmox\/backups/);
  const stores = page.getByRole("table", { name: "Backup servers" });
  for (const store of ["archive", "cloud", "main", "removable"]) {
    await expect(stores.getByText(store, { exact: true }).first()).toBeVisible(SOON);
  }
  await expect(stores.getByRole("row", { name: /cloud/ }).getByText("S3", { exact: true })).toBeVisible();

  // Left out: it is read no more. What is not in the form stays as it is.
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Change forms-vault" }).click();
  const change = page.getByRole("form", { name: "Change forms-vault" });
  await change.getByText("What is read, and where people open it").click();
  await change.getByLabel("Datastores to leave out").fill("remov*");
  await change.getByLabel("Link for people").fill("vault.example.org");
  await change.getByRole("button", { name: "Save" }).click();
  await expect(change.getByText("A link begins with https:// or http://")).toBeVisible();
  await change.getByLabel("Link for people").fill("https://vault.example.org");
  await change.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("forms-vault was changed.")).toBeVisible();
  await page.getByRole("button", { name: "Test forms-vault" }).click();
  await expect(entry(page, "forms-vault").getByText(/Connected to PBS/)).toBeVisible(SOON);
  await page.goto("/proxmox/backups");
  await expect(stores.getByText("main", { exact: true }).first()).toBeVisible(SOON);
  await expect(stores.getByText("removable", { exact: true })).toHaveCount(0, SOON);
  // Changed once more: the link and what is left out are still there.
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Change forms-vault" }).click();
  await change.getByText("What is read, and where people open it").click();
  await expect(change.getByLabel("Link for people")).toHaveValue("https://vault.example.org");
  await expect(change.getByLabel("Datastores to leave out")).toHaveValue("remov*");
  await change.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("forms-vault was changed.")).toBeVisible();

  await removes(page, "forms-vault");
  await page.goto("/proxmox/backups");
  await expect(page.getByText("forms-vault")).toHaveCount(0, SOON);
});

test("a mail gateway is added with a password, read, and removed", async ({ inside: page }) => {
  test.setTimeout(240_000);
  const machine = described("SIM_PMG");
  const form = await opensForm(page, "Mail Gateway", "forms-mail");
  await form.getByLabel("Address").fill(machine.host);
  await form.getByLabel("User").fill(machine.user ?? "");
  await form.getByLabel("Password").fill("wrong");
  await form.getByLabel("Certificate fingerprint").fill(machine.fingerprint);
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByRole("alert")).toContainText("check user, realm and password", SOON);
  await form.getByLabel("Password").fill(machine.password ?? "");
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByText(/Connected to PMG instance/)).toBeVisible(SOON);
  await form.getByRole("button", { name: "Add node", exact: true }).click();
  await expect(entry(page, "forms-mail").getByText("Proxmox Mail Gateway, connected")).toBeVisible(SOON);
  await page.goto("/proxmox");
  await rowNames(page, "Proxmox nodes").filter({ hasText: "forms-mail" }).click(SOON);
  await expect(page).toHaveURL(/\/proxmox\/mail/);
  await expect(rowNames(page, "Nodes of forms-mail").first()).toBeVisible(SOON);
  await expect(page.getByText("Refused by block lists")).toBeVisible(SOON);

  // Its password is kept where none is typed.
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Change forms-mail" }).click();
  const change = page.getByRole("form", { name: "Change forms-mail" });
  await change.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("forms-mail was changed.")).toBeVisible();
  await page.getByRole("button", { name: "Test forms-mail" }).click();
  await expect(entry(page, "forms-mail").getByText(/Connected to PMG instance/)).toBeVisible(SOON);
  await removes(page, "forms-mail");
});
