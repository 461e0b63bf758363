// What leaves the page: paper, a phone's start screen, another page's frame, the browser's notifications.

import type { Page } from "@playwright/test";
import { csrf, expect, HostWithAlert, routeLive, rowNames, test } from "./support";

test("the page can be put on a phone's start screen", async ({ inside: page }) => {
  await page.goto("/hosts");
  const href = await page.locator("link[rel=manifest]").getAttribute("href");
  const answer = await page.request.get(href ?? "");
  expect(answer.ok()).toBe(true);
  const manifest = (await answer.json()) as {
    name: string;
    display: string;
    start_url: string;
    icons: { src: string; sizes: string; type: string }[];
  };
  expect(manifest).toMatchObject({ name: "Pulse", display: "standalone" });
  for (const { src, type } of manifest.icons) {
    const icon = await page.request.get(new URL(src, new URL(href ?? "", page.url())).href);
    expect(icon.ok(), src).toBe(true);
    expect(icon.headers()["content-type"], src).toContain(type);
  }
  // One large enough for the start screen, one that any size is drawn from.
  expect(manifest.icons.map((icon) => icon.sizes)).toEqual(expect.arrayContaining(["512x512"]));
});

test("on paper there is the table, without what only a screen can use", async ({ inside: page }) => {
  await page.goto("/hosts");
  await expect(rowNames(page, "Hosts").first()).toBeVisible();
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await expect(page.getByRole("table", { name: "Hosts" })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Areas" })).toBeHidden();
  await expect(page.getByRole("combobox", { name: "Search" })).toBeHidden();
  // Dark paper costs ink.
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe("light");
  await page.screenshot({ path: "test-results/looks/print.png" });
});

test("a long table goes on paper whole, and is short again afterwards", async ({ inside: page }) => {
  await routeLive(page, (socket) => {
    void socket.close();
  });
  await page.route("**/api/state", async (route) => {
    const state = (await (await route.fetch()).json()) as { vms: { id: string; name: string }[] };
    const [first] = state.vms;
    if (first !== undefined)
      state.vms = Array.from({ length: 400 }, (_none, index) => ({
        ...first,
        id: `${first.id}-${index}`,
        name: `paper-${index}`,
      }));
    await route.fulfill({ json: state });
  });
  await page.goto("/proxmox?group=none&type=vm");
  const rows = rowNames(page, "Guests");
  await expect(rows.first()).toBeVisible({ timeout: 30_000 });
  expect(await rows.count()).toBeLessThan(150);
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  await expect(rows).toHaveCount(400);
  await page.emulateMedia({ media: "print" });
  const main = await page.evaluate(() => document.querySelector("main")?.getBoundingClientRect().height ?? 0);
  expect(main).toBeGreaterThan(400 * 28);
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
  await expect.poll(() => rows.count()).toBeLessThan(150);
});

async function allowEmbedding(page: Page, isAllowed: boolean, origins: string): Promise<void> {
  const answer = await page.request.post("/api/system/settings/update", {
    headers: await csrf(page),
    data: { allowEmbedding: isAllowed, allowedEmbedOrigins: origins },
  });
  expect(answer.ok(), await answer.text()).toBe(true);
}

test("another page may show this one only where the settings allow it", async ({ inside: page }) => {
  const policy = async (): Promise<string> => {
    const headers = (await page.request.get("/hosts")).headers();
    return `${headers["content-security-policy"] ?? ""} ${headers["x-frame-options"] ?? ""}`;
  };
  expect(await policy()).toMatch(/frame-ancestors 'none'|DENY/);
  await allowEmbedding(page, true, "https://home.example.net");
  expect(await policy()).toContain("https://home.example.net");
  await allowEmbedding(page, false, "");
  expect(await policy()).toMatch(/frame-ancestors 'none'|DENY/);
});

test("an alert that is raised becomes a notification of the browser where it is wanted", async ({
  inside: page,
  context,
  baseURL,
}) => {
  await context.grantPermissions(["notifications"], baseURL === undefined ? {} : { origin: baseURL });
  await page.addInitScript(() => {
    const shown: string[] = [];
    Object.assign(window, { shown });
    class Shown {
      static readonly permission = "granted";
      static requestPermission = (): Promise<string> => Promise.resolve("granted");
      constructor(title: string, options: { body: string }) {
        shown.push(`${title}: ${options.body}`);
      }
    }
    Object.assign(window, { Notification: Shown });
  });
  const host = await HostWithAlert.start(page, baseURL, "spec-notified");
  try {
    await page.goto("/settings/appearance");
    // What was raised before the page had its first data is no news.
    await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
    await page.getByLabel("Show alerts as notifications of this browser").check();
    const shown = (): Promise<string> =>
      page.evaluate(() => (window as unknown as { shown: string[] }).shown.join("\n"));
    // Others may be raised meanwhile: this host's is not.
    expect(await shown()).not.toContain("spec-notified");
    await host.fill(99);
    await expect.poll(shown, { timeout: 30_000 }).toMatch(/spec-notified.*disk/i);
    await page.getByLabel("Show alerts as notifications of this browser").uncheck();
  } finally {
    await host.end();
  }
});
