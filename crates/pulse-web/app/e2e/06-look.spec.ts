import { expect, expectAccessible, rowNames, test } from "./support";

const PAGES = [
  { address: "/proxmox", heading: "Proxmox" },
  { address: "/docker", heading: "Docker" },
  { address: "/hosts", heading: "Hosts" },
  { address: "/settings/nodes", heading: "Proxmox nodes" },
  { address: "/settings/tokens", heading: "API tokens" },
  { address: "/settings/agents", heading: "Agents" },
  { address: "/settings/system", heading: "System" },
  { address: "/settings/security", heading: "Security" },
  { address: "/settings/appearance", heading: "Appearance" },
  { address: "/settings/diagnostics", heading: "Diagnostics" },
  { address: "/kubernetes", heading: "Kubernetes" },
  { address: "/proxmox/storage", heading: "Storage" },
  { address: "/proxmox/backups", heading: "Backups" },
  { address: "/alerts", heading: "Active alerts" },
] as const;
const LOOKS = [
  { name: "light", scheme: "light", width: 1440 },
  { name: "dark", scheme: "dark", width: 1440 },
  { name: "phone", scheme: "light", width: 390 },
  { name: "dark phone", scheme: "dark", width: 390 },
] as const;

for (const look of LOOKS) {
  for (const { address, heading } of PAGES) {
    test(`${address} is accessible and fits, ${look.name}`, async ({ inside: page }) => {
      await page.emulateMedia({ colorScheme: look.scheme });
      await page.setViewportSize({ width: look.width, height: 844 });
      await page.goto(address);
      await expect(page.getByRole("heading", { name: heading, exact: true, level: 1 })).toBeAttached();
      await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
      await expectAccessible(page, `${address}, ${look.name}`);
      // Nothing makes the page itself wider than the window.
      const overflow = await page.evaluate(() => {
        const main = document.querySelector("main");
        if (main === null) return -1;
        // It fills the window, too.
        return main.scrollWidth - main.clientWidth + window.innerWidth - main.getBoundingClientRect().width;
      });
      expect(overflow).toBe(0);
    });
  }
}

for (const look of LOOKS) {
  test(`an open drawer is accessible, ${look.name}`, async ({ inside: page }) => {
    await page.emulateMedia({ colorScheme: look.scheme });
    await page.setViewportSize({ width: look.width, height: 844 });
    await page.goto("/proxmox");
    const row = rowNames(page, "Guests").first();
    await row.click();
    await expect(
      page.getByRole("complementary").getByRole("img", { name: /^CPU/ }).locator("canvas"),
    ).toBeVisible();
    await expectAccessible(page, `drawer, ${look.name}`);
    // The dash and the numbers of the history are read out too.
    await page.getByRole("button", { name: "Close" }).click();
    await expect(page.getByRole("complementary")).toBeHidden();
  });
}

test("the theme is switched, kept, and follows the system again", async ({ inside: page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto("/hosts");
  const background = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  const theme = page.getByRole("button", { name: /^Theme/ });
  await theme.click();
  await theme.click();
  await expect(theme).toHaveAccessibleName(/Theme: dark/);
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.reload();
  await expect(theme).toHaveAccessibleName(/Theme: dark/);
  expect(await background()).toBe(dark);
  await theme.click();
  expect(await background()).toBe(light);
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await background()).toBe(dark);
});

test("the frame of the page reads well", async ({ inside: page }) => {
  await page.goto("/proxmox");
  await expect(page.getByRole("banner")).toMatchAriaSnapshot(`
    - banner:
      - link "Pulse, start page"
      - navigation "Areas":
        - link "Proxmox"
        - link "Docker"
        - link "Kubernetes"
        - link "Hosts"
        - link "Alerts"
        - link "Settings"
      - search:
        - combobox "Search"
      - status "Connection": Live
      - button "Search everything (Ctrl-K)"
      - button "Keys (?)"
      - button /Theme/
      - button /Log out/
  `);
  await expect(page.getByRole("table", { name: "Guests" }).locator("thead")).toMatchAriaSnapshot(`
    - row /.*/:
      - columnheader "Name":
        - button "Name"
      - columnheader "Type":
        - button "Type"
      - columnheader "ID":
        - button "ID"
      - columnheader "CPU":
        - button "CPU"
      - columnheader "Memory":
        - button "Memory"
      - columnheader "Disk":
        - button "Disk"
      - columnheader "Uptime":
        - button "Uptime"
  `);
});

test("settings read well", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await expect(page.getByRole("main")).toMatchAriaSnapshot(`
    - main:
      - navigation "Settings":
        - link "Proxmox nodes"
        - link "Agents"
        - link "API tokens"
      - heading "Proxmox nodes" [level=1]
      - button "Add node"
      - table "Configured nodes":
        - rowgroup:
          - row /Name Address Signs in with/
  `);
  await page.goto("/settings/tokens");
  await expect(page.getByRole("main")).toMatchAriaSnapshot(`
    - main:
      - navigation "Settings"
      - heading "API tokens" [level=1]
      - button "New token"
      - table "API tokens":
        - rowgroup:
          - row /Name Rights Last used/
  `);
});
