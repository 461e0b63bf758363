// Whose backups are whose, and what waits to be updated.

import { expect, expectAccessible, LOOKS, test, wear } from "./support";

test("what the server cannot attribute is said, with whom it may be of", async ({ inside: page }) => {
  await page.route("**/api/backups/coverage", (route) =>
    route.fulfill({
      json: {
        summary: {
          guests: 3,
          protected: 1,
          unprotected: 1,
          ambiguous: 1,
          unknown: 0,
          orphanedGroups: 0,
          ambiguousGroups: 1,
        },
        guests: [
          {
            id: "a:n:100",
            instance: "a",
            vmid: 100,
            type: "qemu",
            name: "<i>web</i> 🌍",
            node: "n",
            state: "ambiguous",
            reason: "two clusters have a guest of that number",
            backupCount: 2,
            sources: [],
          },
        ],
        unattributed: [
          {
            state: "ambiguous",
            reason: "two clusters have a guest of that number",
            type: "pbs",
            instance: "vault",
            place: "main",
            backupType: "vm",
            vmid: "100",
            backupCount: 3,
            lastBackup: "2026-11-24T02:00:00Z",
            candidates: [
              { instance: "a", vmid: 100 },
              { instance: "b", vmid: 100 },
            ],
          },
        ],
      },
    }),
  );
  await page.goto("/proxmox/backups?list=unclear");
  const line = page.getByRole("region", { name: "Protection of guests" });
  await expect(line).toContainText("1 of 3 guests have a backup");
  await expect(line).toContainText("1 has none");
  const table = page.getByRole("table", { name: "Unclear backups" });
  await expect(table).toContainText("<i>web</i> 🌍 (100)");
  await expect(table).toContainText("may be of a 100, b 100");
  await expect(page.getByRole("region", { name: "Unclear backups" })).toMatchAriaSnapshot(`
    - region "Unclear backups":
      - group "List":
        - button "Backups"
        - button "Unprotected guests"
        - button "Unclear" [pressed]
      - table "Unclear backups":
        - rowgroup:
          - row "What State Why Newest backup"
  `);
  for (const look of LOOKS) {
    await wear(page, look);
    await expectAccessible(page, `unclear backups, ${look.name}`);
  }
});

test("the real answer agrees with the counts above", async ({ inside: page }) => {
  const answer = await (await page.request.get("/api/backups/coverage")).json();
  test.skip(answer.summary.guests === 0, "no guest is watched");
  await page.goto("/proxmox/backups");
  await expect(page.getByRole("region", { name: "Protection of guests" })).toContainText(
    `${answer.summary.protected} of ${answer.summary.guests} guests have a backup`,
  );
});

test("an answer of somebody else is said, not shown as nothing unclear", async ({ inside: page }) => {
  await page.route("**/api/backups/coverage", (route) =>
    route.fulfill({ contentType: "text/html", body: "<h1>Proxy</h1>" }),
  );
  await page.goto("/proxmox/backups?list=unclear");
  await expect(page.getByRole("alert")).toContainText("the answer is not the server's");
  await expect(page.getByText("Every backup has its guest")).toBeHidden();
});

test("updates that wait are listed; null is none", async ({ inside: page }) => {
  await page.route("**/api/infra-updates", (route) => route.fulfill({ json: { total: 0, updates: null } }));
  await page.goto("/settings/updates");
  await expect(page.getByRole("heading", { name: "No updates wait" })).toBeVisible();
  await page.unroute("**/api/infra-updates");
  const at = "2026-11-24T02:00:00Z";
  await page.route("**/api/infra-updates", (route) =>
    route.fulfill({
      json: {
        total: 1,
        updates: [
          {
            id: "1",
            resourceId: "c",
            resourceType: "docker",
            resourceName: "nginx",
            hostId: "gone",
            type: "docker_image",
            currentVersion: "nginx:1.27",
            firstDetected: at,
            lastChecked: at,
          },
        ],
      },
    }),
  );
  await page.reload();
  await expect(page.getByRole("table", { name: "Updates" })).toContainText("nginx:1.27");
  for (const look of LOOKS) {
    await wear(page, look);
    await expectAccessible(page, `updates, ${look.name}`);
  }
});

test("unprotected are only those of whom it is known, and the age that counts is chosen", async ({
  inside: page,
}) => {
  interface Guest {
    id: string;
    name: string;
    lastBackup?: number;
  }
  const state = (await (await page.request.get("/api/state")).json()) as {
    vms: Guest[];
    containers: Guest[];
  };
  const guests = [...state.vms, ...state.containers];
  test.skip(guests.length < 4, "too few guests are watched");
  const kinds = ["unprotected", "unknown", "ambiguous"];
  await page.route("**/api/backups/coverage", async (route) => {
    const answer = await (await route.fetch()).json();
    for (const guest of answer.guests as { id: string; state: string }[]) {
      const place = guests.findIndex((each) => each.id === guest.id);
      guest.state = kinds[place] ?? "protected";
    }
    await route.fulfill({ json: answer });
  });
  const name = (index: number): string => guests[index]?.name ?? "";
  await page.goto("/proxmox/backups?list=unprotected&limit=0");
  const table = page.getByRole("table", { name: "Unprotected guests" });
  await expect(table.getByRole("button", { name: name(0), exact: true })).toBeVisible();
  await expect(table).toContainText("no backup");
  await expect(table.locator("[data-row-key]")).toHaveCount(1);
  await expect(page.getByRole("group", { name: "Newest backup at most" })).toMatchAriaSnapshot(`
    - group "Newest backup at most":
      - button "any age" [pressed]
      - button "1 day"
      - button "7 days"
      - button "30 days"
  `);
});

test("the days on which each guest was backed up are a row of marks that says itself", async ({
  inside: page,
}) => {
  await page.goto("/proxmox/backups?list=days");
  const table = page.getByRole("table", { name: "Backups by guest and day" });
  await expect(table.locator("[data-row-key]").first()).toBeVisible({ timeout: 30_000 });
  await expect(table.getByRole("img", { name: /^backups on \d+ of 28 days$/ }).first()).toBeVisible();
  for (const look of LOOKS) {
    await wear(page, look);
    await expectAccessible(page, `backups by guest and day, ${look.name}`);
  }
});
