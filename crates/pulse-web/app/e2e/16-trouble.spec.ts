// One source failing, and everything failing: each says what it means for what is shown.

import type { Page } from "@playwright/test";
import { expect, lookAt, routeLive, test } from "./support";

/** The page polls, and reads of each source that it does not answer. */
async function failing(page: Page, sources: Readonly<Record<string, boolean>>): Promise<void> {
  await routeLive(page, (socket) => {
    void socket.close();
  });
  await page.route("**/api/state", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ json: { ...(await answer.json()), connectionHealth: sources } });
  });
}

const CASES = [
  {
    name: "one source failing",
    sources: { lab: false, "pbs-vault": true, "host-1": false },
    text: "Not answering: lab. Everything else is up to date.",
    role: "status",
  },
  {
    name: "everything failing",
    sources: { lab: false, "<b>edge</b>": false, "pbs-vault": false },
    text: "No Proxmox source answers: <b>edge</b>, lab, vault.",
    role: "alert",
  },
] as const;

for (const { name, sources, text, role } of CASES) {
  test(`${name} is said above what was told last`, async ({ inside: page }) => {
    await failing(page, sources);
    await page.goto("/proxmox");
    const note = page.getByRole("main").getByRole(role).filter({ hasText: text });
    await expect(note).toBeVisible({ timeout: 30_000 });
    await expect(page.getByRole("table", { name: "Guests" })).toBeVisible();
    await expect(note.getByRole("link", { name: "Why" })).toBeVisible();
    await lookAt(page, name);
  });
}
