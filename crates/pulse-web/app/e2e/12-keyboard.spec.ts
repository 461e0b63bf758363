// Adding a node without a mouse: every step is a key.

import { expect, pressOn, test, typeInto } from "./support";

test("a node is filled in, tried and left again by keyboard alone", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await pressOn(page, page.getByRole("button", { name: "Add node" }));
  const form = page.getByRole("form", { name: "Add a node" });
  // The first field has the focus.
  await expect(form.getByRole("textbox", { name: "Address" })).toBeFocused();
  await page.keyboard.type("127.0.0.1:9");
  await typeInto(page, form.getByLabel("Token id"), "pulse@pve!monitor");
  await typeInto(page, form.getByLabel("Token secret"), "none");
  await pressOn(page, form.getByRole("button", { name: "Test connection" }));
  // Nobody listens there, and the reason is named.
  await expect(form.getByRole("alert")).toContainText(/127\.0\.0\.1:9/, { timeout: 30_000 });
  await pressOn(page, form.getByRole("button", { name: "Cancel" }));
  await expect(form).toBeHidden();
});

test("a setting and an action are found and reached by keyboard alone", async ({ inside: page }) => {
  await page.goto("/hosts");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("mail gateways, sec");
  await expect(page.getByRole("option").first()).toContainText("Mail gateways, seconds");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/settings\/system\?field=pmgPollingInterval/);
  await expect(page.getByLabel("Mail gateways, seconds")).toBeFocused();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("new api tok");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("form", { name: "New token" })).toBeVisible();
  // Done once: a reload does not do it again.
  await expect(page).toHaveURL(/\/settings\/tokens$/);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("theme: dark");
  await page.keyboard.press("Enter");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
});
