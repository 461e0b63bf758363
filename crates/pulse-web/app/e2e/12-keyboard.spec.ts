// Adding a node without a mouse: every step is a key.

import type { Page } from "@playwright/test";
import { expect, test } from "./support";

/** Tabs until the control of that name has the focus, at most once around the page. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const wanted = page
    .getByRole("textbox", { name })
    .or(page.getByLabel(name))
    .or(page.getByRole("button", { name }))
    .first();
  for (let step = 0; step < 60; step += 1) {
    if (await wanted.evaluate((control) => control === document.activeElement).catch(() => false)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`no key leads to ${name}`);
}

test("a node is filled in, tried and left again by keyboard alone", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await expect(page.getByRole("button", { name: "Add node" })).toBeVisible();
  await tabTo(page, "Add node");
  await page.keyboard.press("Enter");
  const form = page.getByRole("form", { name: "Add a node" });
  // The first field has the focus.
  await expect(form.getByRole("textbox", { name: "Address" })).toBeFocused();
  await page.keyboard.type("127.0.0.1:9");
  await tabTo(page, "Token id");
  await page.keyboard.type("pulse@pve!monitor");
  await tabTo(page, "Token secret");
  await page.keyboard.type("none");
  await tabTo(page, "Test connection");
  await page.keyboard.press("Enter");
  // Nobody listens there, and the reason is named.
  await expect(form.getByRole("alert")).toContainText(/127\.0\.0\.1:9/, { timeout: 30_000 });
  await tabTo(page, "Cancel");
  await page.keyboard.press("Enter");
  await expect(form).toBeHidden();
});
