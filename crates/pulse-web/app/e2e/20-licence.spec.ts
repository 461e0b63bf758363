// The licence: what it includes, and what a wrong key is told.

import { expect, lookAt, test } from "./support";

test("a key that is none is refused in the server's words, and nothing changes", async ({ inside: page }) => {
  await page.goto("/settings/licence");
  const form = page.getByRole("form", { name: "Put in a licence" });
  await form.getByLabel("Licence key").fill("not a key");
  const [answer] = await Promise.all([
    page.waitForResponse(/license\/activate/),
    form.getByRole("button", { name: "Activate" }).click(),
  ]);
  expect(answer.status()).toBe(400);
  await expect(form.getByRole("alert")).toContainText(((await answer.json()) as { message: string }).message);
  await expect(form.getByLabel("Licence key")).toHaveValue("not a key");
  await expect(page.getByRole("region", { name: "State of the licence" })).toContainText("no licence");
  await lookAt(page, "no licence");
});

test("a licence that has ended says until when it goes on, and can be removed", async ({ inside: page }) => {
  await page.route("**/api/license/status", (route) =>
    route.fulfill({
      json: {
        valid: true,
        tier: "pro",
        email: "admin@example.net",
        expires_at: "2026-11-20T00:00:00Z",
        is_lifetime: false,
        days_remaining: 0,
        features: ["agent_profiles"],
        in_grace_period: true,
        grace_period_end: "2026-12-04T00:00:00Z",
      },
    }),
  );
  await page.route("**/api/license/features", (route) =>
    route.fulfill({
      json: {
        license_status: "grace_period",
        features: { agent_profiles: true, "<b>new</b>": false },
        upgrade_url: "https://example.net",
      },
    }),
  );
  await page.goto("/settings/licence");
  const state = page.getByRole("region", { name: "State of the licence" });
  await expect(state).toContainText("ended, and goes on for a while");
  await expect(state).toContainText("4 Dec 2026");
  await expect(state.getByRole("row").filter({ hasText: "<b>new</b>" })).toContainText("not in the licence");
  await lookAt(page, "licence in grace");
  await state.getByRole("button", { name: "Remove the licence…" }).click();
  const dialog = page.getByRole("dialog", { name: "Remove the licence?" });
  await expect(dialog).toContainText("Nothing that was stored is deleted");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
});
