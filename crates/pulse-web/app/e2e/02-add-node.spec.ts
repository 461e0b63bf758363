import { expect, expectAccessible, pressOn, rowNames, test, typeInto, variable } from "./support";

test("a node that does not answer is not called connected", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Add node" }).click();
  const form = page.getByRole("form", { name: "Add a node" });
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByText("An address is needed")).toBeVisible();
  await expect(form.getByText("The token's id is needed")).toBeVisible();
  await expectAccessible(page, "add a node, with errors");

  // Port 9 of this machine: nothing listens.
  await form.getByLabel("Address").fill("https://127.0.0.1:9");
  await form.getByLabel("Token id").fill("pulse@pve!monitor");
  await form.getByLabel("Token secret").fill("wrong");
  const [answer] = await Promise.all([
    page.waitForResponse(/test-connection/),
    form.getByRole("button", { name: "Test connection" }).click(),
  ]);
  expect(answer.status()).toBe(400);
  // Exactly the server's words, next to the form.
  await expect(form.getByRole("alert")).toHaveText((await answer.text()).trim());
  await form.getByRole("button", { name: "Cancel" }).click();
  await expect(form).toBeHidden();
});

test("a cluster is tested and added by keyboard alone, and its guests appear and change", async ({
  inside: page,
}) => {
  test.setTimeout(150_000);
  await page.goto("/settings/nodes");
  // Narrow screens show the address below the name instead.
  const isThere = page
    .getByRole("table", { name: "Configured nodes" })
    .getByText(variable("SIM_URL"))
    .filter({ visible: true });
  await pressOn(page, page.getByRole("button", { name: "Add node" }));
  const form = page.getByRole("form", { name: "Add a node" });
  await typeInto(page, form.getByLabel("Address"), variable("SIM_URL"));
  await typeInto(page, form.getByLabel("Name"), "simulated");
  await typeInto(page, form.getByLabel("Token id"), variable("SIM_TOKEN_NAME"));
  await typeInto(page, form.getByLabel("Token secret"), variable("SIM_TOKEN_VALUE"));
  await typeInto(page, form.getByLabel("Certificate fingerprint"), variable("SIM_FINGERPRINT"));
  await pressOn(page, form.getByRole("button", { name: "Test connection" }));
  await expect(form.getByRole("status")).toContainText(/connected/i);
  await pressOn(page, form.getByRole("button", { name: "Add node", exact: true }));
  await expect(page.getByText("simulated was added")).toBeVisible();
  await expect(isThere).toBeVisible();
  // By itself, once it was asked.
  await expect(page.getByText("Proxmox VE, connected")).toBeVisible({ timeout: 30_000 });

  await page.getByRole("link", { name: "Proxmox", exact: true }).click();
  await expect(rowNames(page, "Proxmox nodes").first()).toBeVisible({ timeout: 30_000 });
  await expect(rowNames(page, "Guests").first()).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");

  // Nobody touches the page: digits of some guest move by themselves.
  const guests = page.getByRole("table", { name: "Guests" });
  const before = await guests.innerText();
  await expect.poll(() => guests.innerText(), { timeout: 45_000 }).not.toBe(before);
});

test("a configured node can be tested", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  const row = page
    .getByRole("table", { name: "Configured nodes" })
    .getByRole("row")
    .filter({ hasText: "simulated" });
  await row.getByRole("button", { name: "Test simulated" }).click();
  await expect(row.getByRole("status")).toContainText(/connected/i);
});

test("removing a node says what will happen and can be cancelled", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Remove simulated" }).click();
  const dialog = page.getByRole("dialog", { name: "Remove simulated?" });
  await expect(dialog).toContainText("stops monitoring");
  await expectAccessible(page, "remove a node");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "Remove simulated" })).toBeVisible();
});
