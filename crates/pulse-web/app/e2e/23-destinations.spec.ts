// Where alerts are sent: what the forms say of a test and of saving, and that it is kept.

import { expect, test } from "./support";

for (const { name, field, kind } of [
  { name: "E-mail", field: "To, one address a line", kind: "email" },
  { name: "Apprise", field: "Targets, one a line", kind: "apprise" },
] as const) {
  test(`a test of ${name} that fails says why, and what is saved is there after a reload`, async ({
    inside: page,
  }) => {
    await page.goto("/alerts/destinations");
    const form = page.getByRole("region", { name, exact: true });
    const save = form.getByRole("button", { name: "Save" });
    await expect(form.getByLabel(field)).toBeVisible();
    // Nothing to save yet.
    await expect(save).toBeDisabled();
    const before = await form.getByLabel(field).inputValue();
    await form.getByLabel(field).fill(kind === "email" ? "ops@example.net" : "json://127.0.0.1:9");
    await page.route("**/api/notifications/test", (route) =>
      route.fulfill({ status: 400, contentType: "text/plain", body: "the server says no" }),
    );
    await form.getByRole("button", { name: "Send a test" }).click();
    await expect(form.getByRole("alert")).toContainText("the server says no");
    await save.click();
    await expect(form.getByRole("status")).toContainText("Saved");
    await expect(save).toBeDisabled();
    await page.reload();
    await expect(form.getByLabel(field)).toHaveValue(
      kind === "email" ? "ops@example.net" : "json://127.0.0.1:9",
    );
    await form.getByLabel(field).fill(before);
    await save.click();
    await expect(form.getByRole("status")).toContainText("Saved");
  });
}
