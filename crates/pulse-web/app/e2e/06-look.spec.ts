import { expect, expectAccessible, rowNames, test } from "./support";

const PAGES = [
  { address: "/proxmox", heading: "Proxmox" },
  { address: "/docker", heading: "Docker" },
  { address: "/hosts", heading: "Hosts" },
  { address: "/settings/nodes", heading: "Proxmox nodes" },
  { address: "/settings/tokens", heading: "API tokens" },
  { address: "/settings/agents", heading: "Agents" },
  { address: "/settings/profiles", heading: "Agent profiles" },
  { address: "/settings/updates", heading: "Updates" },
  { address: "/settings/system", heading: "System" },
  { address: "/settings/security", heading: "Security" },
  { address: "/settings/appearance", heading: "Appearance" },
  { address: "/settings/transfer", heading: "Export and import" },
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
        - link /^Alerts( \\d+)?$/
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

/** What each page is made of, for those who hear it. */
const SPOKEN: readonly { address: string; snapshot: string }[] = [
  {
    address: "/proxmox/storage",
    snapshot: `
    - main:
      - navigation "Proxmox":
        - link "Overview"
        - link "Storage"
      - heading "Storage" [level=1]
      - region "Storage":
        - status
        - group "Kind":
          - button "All" [pressed]
          - button "Shared"
          - button "Local"
        - group "Grouping"
        - button "Select rows"
        - button "Copy as CSV"
        - button "Columns"
        - table "Storage"
    `,
  },
  {
    address: "/proxmox/backups",
    snapshot: `
    - main:
      - heading "Backups" [level=1]
      - region "Backups by day"
      - region "Unprotected guests":
        - group "List":
          - button "Unprotected guests" [pressed]
          - button "Backups"
          - button "Unclear"
          - button "Tasks"
          - button "Snapshots"
        - group "Newest backup at most"
        - table "Unprotected guests"
    `,
  },
  {
    address: "/alerts",
    snapshot: `
    - main:
      - navigation "Alerts":
        - link "Active"
        - link "History"
        - link "Thresholds"
        - link "Schedule"
        - link "Destinations"
      - heading "Active alerts" [level=1]
      - region "Active alerts":
        - table "Active alerts"
    `,
  },
  {
    address: "/hosts",
    snapshot: `
    - main:
      - heading "Hosts" [level=1]
      - region "Hosts":
        - table "Hosts":
          - rowgroup:
            - row:
              - columnheader "Host":
                - button "Host"
              - columnheader "System"
    `,
  },
  {
    address: "/settings/agents",
    snapshot: `
    - main:
      - navigation "Settings"
      - heading "Agents" [level=1]
      - region "Install the agent":
        - group "Platform":
          - button "Linux, macOS, BSD" [pressed]
        - textbox "Address of this server, as the machine reaches it"
        - button "Make a token for it"
        - button "Copy Command"
    `,
  },
  {
    address: "/settings/system",
    snapshot: `
    - main:
      - heading "System" [level=1]
      - form "System settings":
        - group "Polling":
          - spinbutton "Proxmox VE, seconds"
        - group "This server":
          - textbox "Public address"
        - group "Discovery"
        - group "Updates":
          - combobox "Channel"
        - button "Discard" [disabled]
        - button "Save" [disabled]
    `,
  },
  {
    address: "/settings/security",
    snapshot: `
    - main:
      - heading "Security" [level=1]
      - region "State of security"
      - form "Change the password":
        - textbox "Present password"
        - textbox "New password"
        - textbox "New password again"
        - button "Change the password" [disabled]
    `,
  },
  {
    address: "/settings/appearance",
    snapshot: `
    - main:
      - heading "Appearance" [level=1]
      - region "This browser":
        - combobox "Language"
        - group "Theme"
      - region "A screen on the wall":
        - button "Make a link"
    `,
  },
  {
    address: "/settings/diagnostics",
    snapshot: `
    - main:
      - heading "Diagnostics" [level=1]
      - button "Copy the report"
      - region "Server"
      - region "Sources":
        - table "Sources"
    `,
  },
];

for (const { address, snapshot } of SPOKEN) {
  test(`${address} reads well`, async ({ inside: page }) => {
    await page.goto(address);
    await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
    await expect(page.getByRole("main")).toMatchAriaSnapshot(snapshot);
  });
}

test("the page speaks German where the browser does", async ({ browser, baseURL, inside: page }) => {
  const context = await browser.newContext({
    ...(baseURL === undefined ? {} : { baseURL }),
    locale: "de-DE",
    storageState: await page.context().storageState(),
  });
  const german = await context.newPage();
  await german.goto("/proxmox");
  await expect(german.getByRole("link", { name: "Einstellungen" })).toBeVisible();
  await expect(german.getByRole("table", { name: "Gäste" })).toBeVisible();
  await expect(german.locator("html")).toHaveAttribute("lang", "de");
  await german.goto("/settings/appearance");
  await german.getByLabel("Sprache").selectOption("en");
  await expect(german.getByRole("heading", { name: "Appearance" })).toBeVisible();
  await context.close();
});

test("what opens over the page is accessible, too", async ({ inside: page }) => {
  await page.goto("/proxmox?group=none");
  await expect(rowNames(page, "Guests").first()).toBeVisible();
  const panel = page.getByRole("region", { name: "Guests" });
  await panel.getByRole("button", { name: "Columns" }).click();
  await expectAccessible(page, "columns");
  await page.keyboard.press("Escape");
  await panel.getByRole("button", { name: "Select rows" }).click();
  await expectAccessible(page, "selection");
  await panel.getByRole("button", { name: "End selection" }).click();
  await page.getByRole("combobox", { name: "Search" }).fill("sta");
  await expect(page.getByRole("option").first()).toBeVisible();
  await expectAccessible(page, "completion");
  await page.getByRole("combobox", { name: "Search" }).fill("");
  await page.keyboard.press("Control+k");
  await expect(page.getByRole("option").first()).toBeVisible();
  await expectAccessible(page, "search over everything");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Keys (?)" }).click();
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await expectAccessible(page, "keys");
});
