import type { Page } from "@playwright/test";
import { expect, rowNames, test } from "./support";

async function open(page: Page, address = "/proxmox"): Promise<void> {
  await page.goto(address);
  await expect(rowNames(page, "Guests").first()).toBeVisible({ timeout: 30_000 });
}

test("search and filters are in the address and find what they say", async ({ inside: page }) => {
  await open(page);
  const guests = rowNames(page, "Guests");
  const name = await guests.first().innerText();

  await page.keyboard.press("/");
  await expect(page.getByRole("combobox", { name: "Search" })).toBeFocused();
  await page.keyboard.type(name);
  await expect(page).toHaveURL(/q=/);
  await expect(guests.first()).toHaveText(name);

  // A colleague who opens the link sees the same.
  const link = page.url();
  await page.goto("/hosts");
  await page.goto(link);
  await expect(page.getByRole("combobox", { name: "Search" })).toHaveValue(name);
  await expect(guests.first()).toHaveText(name);

  await page.getByRole("combobox", { name: "Search" }).fill("status:running type:vm");
  await expect(page.getByRole("table", { name: "Guests" }).locator("[data-tone=dim]")).toHaveCount(0);
  await page.getByRole("combobox", { name: "Search" }).fill("no guest has such a name");
  await expect(page.getByRole("heading", { name: "Nothing matches" })).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(guests.first()).toBeVisible();

  await page.getByRole("group", { name: "State" }).getByRole("button", { name: "Stopped" }).click();
  await expect(page).toHaveURL(/state=stopped/);
  const rows = page.getByRole("table", { name: "Guests" }).locator("tbody tr[data-tone]");
  await expect.poll(async () => (await rows.count()) === (await guests.count())).toBe(true);
});

test("a click on a head sorts, again turns it around, and the next visit keeps it", async ({
  inside: page,
}) => {
  await open(page, "/proxmox?group=none");
  const head = page.getByRole("columnheader", { name: "ID" });
  const ids = async (): Promise<number[]> => {
    const cells = await page.locator("table[aria-label=Guests] tbody tr td:nth-child(3)").allInnerTexts();
    return cells.map(Number);
  };
  await head.getByRole("button").click();
  await expect(head).toHaveAttribute("aria-sort", "ascending");
  const ascending = await ids();
  expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
  await head.getByRole("button").click();
  await expect(head).toHaveAttribute("aria-sort", "descending");
  const descending = await ids();
  expect(descending).toEqual(descending.toSorted((a, b) => b - a));
  await page.goto("/hosts");
  await open(page);
  await expect(page.getByRole("columnheader", { name: "ID" })).toHaveAttribute("aria-sort", "descending");
});

test("a click on a node shows only its guests", async ({ inside: page }) => {
  await open(page, "/proxmox?group=node");
  const groups = page.getByRole("table", { name: "Guests" }).locator("th[scope=colgroup]");
  const all = await groups.count();
  const node = rowNames(page, "Proxmox nodes").first();
  const name = await node.innerText();
  await node.click();
  await expect(groups).toHaveCount(1);
  await expect(groups.first()).toContainText(name);
  await page.getByRole("button", { name: `on ${name}` }).click();
  await expect(groups).toHaveCount(all);
});

test("the keyboard moves through rows, opens one and comes back to it", async ({ inside: page }) => {
  await open(page, "/proxmox?group=node");
  const rows = page.getByRole("table", { name: "Guests" }).locator("[data-row-key]");
  // The first is the heading of a group.
  await rows.first().focus();
  await page.keyboard.press("ArrowDown");
  await expect(rows.nth(1)).toBeFocused();
  await page.keyboard.press("End");
  await page.keyboard.press("Home");
  await expect(rows.first()).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(rows.first()).toHaveAttribute("aria-expanded", "false");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  const name = await rows.nth(1).innerText();
  await page.keyboard.press("Enter");

  const drawer = page.getByRole("complementary", { name });
  await expect(drawer).toBeFocused();
  await expect(page).toHaveURL(/open=/);
  await page.keyboard.press("Escape");
  await expect(drawer).toBeHidden();
  await expect(page).not.toHaveURL(/open=/);
  await expect(rows.nth(1)).toBeFocused();
});

test("the drawer shows charts over every range", async ({ inside: page }) => {
  await open(page, "/proxmox?q=status:running");
  const first = rowNames(page, "Guests").first();
  const name = await first.innerText();
  await first.click();
  const drawer = page.getByRole("complementary", { name });
  const cpu = drawer.getByRole("img", { name: /^CPU/ });
  await expect(cpu.locator("canvas")).toBeVisible();
  // The chart says in words what it draws.
  await expect(cpu).toHaveAttribute("aria-label", /now \d|now <1/);
  for (const range of ["6 h", "24 h", "7 d", "Live", "1 h"]) {
    const wanted = range.replace(" ", "").toLowerCase();
    // The live view begins with the newest hour of the store.
    const asked = wanted === "live" ? "1h" : wanted;
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().includes(`range=${asked}`)),
      drawer.getByRole("button", { name: range, exact: true }).click(),
    ]);
    expect(answer.ok()).toBe(true);
    await expect(page).toHaveURL(new RegExp(`range=${wanted}`));
    await expect(cpu.locator("canvas")).toBeVisible();
  }
  await page.goBack();
  await expect(drawer).toBeHidden();
});

test("an unknown value is a dash with its reason, never a zero", async ({ inside: page }) => {
  await open(page, "/proxmox?state=stopped");
  const row = page.getByRole("table", { name: "Guests" }).locator("tbody tr[data-tone=dim]").first();
  await expect(row.getByTitle("it is not running").first()).toHaveText(/—/);
  await expect(row).not.toContainText("0 %");
});

test("a node's drawer lists its storages", async ({ inside: page }) => {
  await open(page);
  const name = await rowNames(page, "Proxmox nodes").first().innerText();
  await page.getByRole("button", { name: `Details of ${name}` }).click();
  const drawer = page.getByRole("complementary", { name });
  await expect(drawer.getByRole("table", { name: "Storage" })).toBeVisible();
  await expect(drawer.getByRole("img", { name: /^Memory/ })).toBeVisible();
});

test("fields and their values are completed while one types", async ({ inside: page }) => {
  await open(page);
  const search = page.getByRole("combobox", { name: "Search" });
  await search.fill("sta");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(search).toHaveValue("status:");
  await page.keyboard.type("run");
  await expect(page.getByRole("option", { name: "status:running" })).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await expect(search).toHaveValue("status:running ");
  await page.keyboard.press("Escape");
  await expect(search).toHaveValue("");
});

test("columns are chosen and kept, and Shift sorts by one more", async ({ inside: page }) => {
  await open(page, "/proxmox?group=none");
  const table = page.getByRole("table", { name: "Guests" });
  await expect(table.getByRole("columnheader", { name: "System" })).toBeHidden();
  const panel = page.getByRole("region", { name: "Guests" });
  await panel.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("dialog", { name: "Columns" }).getByLabel("System").check();
  await page.keyboard.press("Escape");
  await expect(table.getByRole("columnheader", { name: "System" })).toBeVisible();
  await table.getByRole("button", { name: "CPU" }).click();
  await table.getByRole("button", { name: "Memory" }).click({ modifiers: ["Shift"] });
  await expect(page).toHaveURL(/sort=cpu%3Adesc%2Cmemory%3Adesc/);
  await page.reload();
  await expect(table.getByRole("columnheader", { name: "System" })).toBeVisible();
  await panel.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("button", { name: "As at first" }).click();
  await expect(table.getByRole("columnheader", { name: "System" })).toBeHidden();
});

test("rows are selected by key and pointer and copied as CSV", async ({ inside: page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, "/proxmox?group=none");
  const rows = rowNames(page, "Guests");
  const names = (await rows.allInnerTexts()).slice(0, 3);
  await rows.first().focus();
  await page.keyboard.press(" ");
  await rows.nth(2).click({ modifiers: ["Shift"] });
  await expect(page.getByText("3 selected")).toBeVisible();
  await page.getByRole("region", { name: "Guests" }).getByRole("button", { name: "Copy as CSV" }).click();
  await expect(page.getByText("3 rows copied as CSV")).toBeVisible();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(
    text
      .trim()
      .split("\r\n")
      .slice(1)
      .map((line) => line.split(",")[0]),
  ).toEqual(names);
  await page.getByRole("button", { name: "End selection" }).click();
  await expect(page.getByText("3 selected")).toBeHidden();
});

test("Ctrl-K finds a guest from anywhere and ? tells the keys", async ({ inside: page }) => {
  await open(page);
  const name = await rowNames(page, "Guests").first().innerText();
  await page.goto("/hosts");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  await page.keyboard.press("Control+k");
  await page.keyboard.type(name);
  await expect(page.getByRole("option").first()).toContainText(name);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/proxmox\?open=/);
  await expect(page.getByRole("complementary", { name })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await expect(page).toHaveURL(/\/docker/);
});

test("the table stays in sight while a drawer is opened and its history comes late", async ({
  inside: page,
}) => {
  await page.route("**/api/metrics-store/history*", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await route.continue();
  });
  await open(page, "/proxmox?q=status:running");
  await page.evaluate(() => {
    const seen = window as unknown as { vanished: number };
    seen.vanished = 0;
    new MutationObserver(() => {
      if (document.querySelector("table[aria-label=Guests]") === null) seen.vanished += 1;
    }).observe(document.body, { childList: true, subtree: true });
  });
  await rowNames(page, "Guests").first().click();
  await expect(page.getByRole("complementary").getByRole("term").first()).toBeVisible();
  await expect(page.getByRole("complementary").getByRole("img", { name: /^CPU.*now/ })).toBeVisible();
  expect(await page.evaluate(() => (window as unknown as { vanished: number }).vanished)).toBe(0);
});
