import {
  expect,
  expectAccessible,
  expectToFit,
  hasContainers,
  LOOKS,
  PAGES,
  rowNames,
  test,
  wear,
} from "./support";

for (const look of LOOKS) {
  for (const { address, heading } of PAGES) {
    test(`${address} is accessible and fits, ${look.name}`, async ({ inside: page }) => {
      await wear(page, look);
      await page.goto(address);
      await expect(page.getByRole("heading", { name: heading, exact: true, level: 1 })).toBeAttached();
      await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
      await expectAccessible(page, `${address}, ${look.name}`);
      await expectToFit(page, `${address}, ${look.name}`);
      // It fills the window, too.
      const left = await page.evaluate(
        () => window.innerWidth - (document.querySelector("main")?.getBoundingClientRect().width ?? 0),
      );
      expect(left).toBe(0);
    });
  }
}

/** Where a drawer opens, by a click on the first row of a table. */
const DRAWERS = [
  { what: "guest", address: "/proxmox", table: "Guests" },
  { what: "storage", address: "/proxmox/storage", table: "Storage" },
  { what: "host", address: "/hosts", table: "Hosts" },
  { what: "Docker host", address: "/docker", table: "Docker hosts" },
  { what: "container", address: "/docker", table: "Containers" },
] as const;

for (const { what, address, table } of DRAWERS) {
  test(`the drawer of a ${what} is accessible and fits in every look`, async ({ inside: page }) => {
    await page.goto(address);
    await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
    test.skip(address === "/docker" && !(await hasContainers(page)), `there is no ${what}`);
    await rowNames(page, table).first().click();
    await expect(page.getByRole("complementary").getByRole("heading", { name: "History" })).toBeVisible();
    for (const look of LOOKS) {
      await wear(page, look);
      await expectAccessible(page, `drawer of a ${what}, ${look.name}`);
      await expectToFit(page, `drawer of a ${what}, ${look.name}`);
    }
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
      - region "Backups":
        - group "List":
          - button "Backups" [pressed]
          - button "Unprotected guests"
          - button "Unclear"
          - button "Tasks"
          - button "Snapshots"
        - table "Backups"
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
  {
    address: "/proxmox/disks",
    snapshot: `
    - main:
      - navigation "Proxmox"
      - heading "Physical disks" [level=1]
      - region "Physical disks":
        - status
        - table "Physical disks"
    `,
  },
  {
    address: "/proxmox/ceph",
    snapshot: `
    - main:
      - navigation "Proxmox"
      - heading "Ceph" [level=1]
      - heading "No Ceph cluster" [level=2]
      - paragraph
    `,
  },
  {
    address: "/proxmox/replication",
    snapshot: `
    - main:
      - navigation "Proxmox"
      - heading "Replication" [level=1]
      - region "Replication jobs"
    `,
  },
  {
    address: "/proxmox/mail",
    snapshot: `
    - main:
      - navigation "Proxmox"
      - heading "Mail gateway" [level=1]
      - heading "No mail gateway yet" [level=2]
      - paragraph
      - paragraph:
        - link "Add a node"
    `,
  },
  {
    address: "/docker",
    snapshot: `
    - main:
      - heading "Docker" [level=1]
    `,
  },
  {
    address: "/kubernetes",
    snapshot: `
    - main:
      - heading "Kubernetes" [level=1]
      - heading "No Kubernetes cluster yet" [level=2]
      - paragraph: /API token/
      - paragraph:
        - link "How to install the agent"
    `,
  },
  {
    address: "/alerts/history",
    snapshot: `
    - main:
      - navigation "Alerts"
      - heading "History of alerts" [level=1]
      - region "Alerts over time"
      - region "History of alerts":
        - status
        - group "Range":
          - button "24 h"
          - button "7 d" [pressed]
          - button "30 d"
          - button "90 d"
        - group "Level":
          - button "Any level" [pressed]
        - button "Delete history"
        - table "History of alerts"
    `,
  },
  {
    address: "/alerts/thresholds",
    snapshot: `
    - main:
      - navigation "Alerts"
      - heading "Thresholds" [level=1]
      - region "Defaults":
        - heading "For all of Guests" [level=2]
        - textbox "CPU %"
      - region "Thresholds":
        - group "Kind":
          - button "Guests" [pressed]
          - button "Nodes"
          - button "Hosts"
          - button "Containers"
          - button "Storage"
          - button "Backup servers"
        - table "Thresholds"
    `,
  },
  {
    address: "/alerts/schedule",
    snapshot: `
    - main:
      - navigation "Alerts"
      - heading "Schedule" [level=1]
      - form "Schedule":
        - spinbutton "Wait before telling again, minutes"
        - checkbox "Tell when an alert is over"
        - checkbox "Send nothing at certain times"
        - button "Discard" [disabled]
        - button "Save" [disabled]
    `,
  },
  {
    address: "/alerts/destinations",
    snapshot: `
    - main:
      - navigation "Alerts"
      - heading "Destinations" [level=1]
      - region "E-mail":
        - checkbox "Send e-mail"
      - region "Webhooks":
        - button "Add a webhook"
      - region "Apprise"
      - region "Deliveries":
        - button "Look again"
    `,
  },
  {
    address: "/settings/updates",
    snapshot: `
    - main:
      - navigation "Settings"
      - heading "Updates" [level=1]
      - button "Check for updates"
    `,
  },
  {
    address: "/settings/transfer",
    snapshot: `
    - main:
      - navigation "Settings"
      - heading "Export and import" [level=1]
      - form "Export":
        - textbox "Passphrase for the file"
        - button "Save the file" [disabled]
      - region "Import":
        - button "File"
        - textbox "Its passphrase"
        - button "Import…" [disabled]
    `,
  },
  {
    address: "/settings/licence",
    snapshot: `
    - main:
      - navigation "Settings"
      - heading "Licence" [level=1]
      - region "State of the licence":
        - term: State
        - definition: /no licence/
        - table "What the licence includes":
          - rowgroup:
            - row "Feature State"
      - form "Put in a licence":
        - textbox "Licence key"
        - button "Activate" [disabled]
    `,
  },
  {
    address: "/nowhere",
    snapshot: `
    - main:
      - heading "There is no such page." [level=1]
      - heading "There is no such page." [level=2]
      - paragraph:
        - link "Go to the overview"
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
