import { expect, expectAccessible, test } from "./support";

test("a token is made with its rights, shown once, works, and stops working when revoked", async ({
  inside: page,
  playwright,
  baseURL,
}) => {
  const name = `browser test ${Date.now()}`;
  await page.goto("/settings/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  const form = page.getByRole("form", { name: "New token" });
  await form.getByLabel("Name", { exact: true }).fill(name);
  await form.getByRole("button", { name: "Read only" }).click();
  await expect(form.getByRole("checkbox", { checked: true })).toHaveCount(1);
  await expectAccessible(page, "new token");
  await form.getByRole("button", { name: "Create token" }).click();
  const token = await page.getByTitle("API token").innerText();
  expect(token).toMatch(/^[0-9a-f]{64}$/);

  const script = await playwright.request.newContext({
    ...(baseURL === undefined ? {} : { baseURL }),
    extraHTTPHeaders: { "X-API-Token": token },
  });
  expect((await script.get("/api/state")).status()).toBe(200);
  // Only what it was given.
  expect((await script.get("/api/config/nodes")).status()).toBe(403);

  await page.getByRole("button", { name: "I have copied it" }).click();
  await page.reload();
  const row = page.getByRole("table", { name: "API tokens" }).getByRole("row").filter({ hasText: name });
  await expect(row).toContainText("monitoring:read");
  await expect(page.getByText(token)).toBeHidden();

  await row.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke token" }).click();
  await expect(row).toBeHidden();
  expect((await script.get("/api/state")).status()).toBe(401);
  await script.dispose();
});

test("a token without any right is not made", async ({ inside: page }) => {
  await page.goto("/settings/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  const form = page.getByRole("form", { name: "New token" });
  for (const box of await form.getByRole("checkbox").all()) await box.uncheck();
  await form.getByRole("button", { name: "Create token" }).click();
  await expect(form.getByRole("alert")).toHaveText("Choose at least one right");
});
