// Names come from outside and may be anything. Nothing of them is ever more than text, and nothing bursts.

import type { Locator, Page } from "@playwright/test";
import {
  csrf,
  expect,
  expectAccessible,
  expectToFit,
  LOOKS,
  lookAt,
  makeToken,
  resize,
  routeLive,
  rowNames,
  test,
  wear,
} from "./support";

const HOSTILE = [
  `<img src=/hacked.png onerror="window.hacked=1">`,
  `<script>window.hacked=1</script><b>bold</b>`,
  `"><svg/onload=window.hacked=1> & &amp; {{7*7}} \${1}`,
  "🐘🧯🏳️‍🌈 café Ünïcödé",
  "שרת דואר ראשי (ירושלים)",
  "invoice‮txt.exe",
  "x".repeat(200),
  "a name with  two spaces and a very long tail ".repeat(4).trim(),
] as const;

/** How a browser shows a name that it lays out: runs of spaces are one. */
const shown = (name: string): string => name.replace(/\s+/g, " ");

interface Guest {
  id: string;
  name: string;
  tags?: string;
}

/** The page polls, and reads of guests and alerts with these names. */
async function renamed(page: Page): Promise<void> {
  await routeLive(page, (socket) => {
    void socket.close();
  });
  await page.route("**/api/state", async (route) => {
    const answer = await route.fetch();
    const state = (await answer.json()) as { vms: Guest[]; containers: Guest[]; activeAlerts: object[] };
    const guests = [...state.vms, ...state.containers];
    const at = new Date().toISOString();
    state.activeAlerts = [];
    for (const [index, name] of HOSTILE.entries()) {
      const guest = guests[index];
      if (guest === undefined) continue;
      guest.name = name;
      guest.tags = `${name.replaceAll(/[,;]/g, " ")};prod`;
      state.activeAlerts.push({
        id: `${guest.id}-${index}`,
        type: "cpu",
        level: index % 2 === 0 ? "critical" : "warning",
        resourceId: guest.id,
        resourceName: name,
        node: name,
        instance: name,
        message: `VM cpu of ${name} at 99%`,
        value: 99,
        threshold: 80,
        startTime: at,
        lastSeen: at,
        acknowledged: false,
      });
    }
    await route.fulfill({ json: state });
  });
}

/** The control of the row with exactly this name: tags and headings of groups may say the same. */
function nameOf(page: Page, table: string, name: string): Locator {
  return rowNames(page, table).and(page.getByRole("button", { name: shown(name), exact: true }));
}

/** Nothing of a name ran, and nothing it names was asked for. */
async function expectHarmless(page: Page, asked: readonly string[]): Promise<void> {
  expect(await page.evaluate(() => (window as unknown as { hacked?: number }).hacked)).toBeUndefined();
  expect(asked.filter((url) => url.includes("hacked"))).toEqual([]);
}

test("names of guests are only ever text, in the table, the drawer, the search and the alerts", async ({
  inside: page,
}) => {
  test.setTimeout(120_000);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await renamed(page);
  await page.goto("/proxmox?group=none");
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Polling", {
    timeout: 30_000,
  });
  const guests = page.getByRole("table", { name: "Guests" });
  for (const name of HOSTILE) {
    await expect(nameOf(page, "Guests", name), name).toHaveCount(1);
  }
  // Every row is as high as every other one, and every column as wide as it was.
  const heights = await guests
    .locator("tbody tr[data-tone], tbody tr:not([aria-hidden])")
    .evaluateAll((rows) => [...new Set(rows.map((row) => Math.round(row.getBoundingClientRect().height)))]);
  expect(heights).toHaveLength(1);
  await expectToFit(page, "guests");

  for (const name of HOSTILE) {
    await nameOf(page, "Guests", name).click();
    const drawer = page.getByRole("complementary");
    await expect(drawer.getByRole("heading", { level: 2 }).first()).toContainText(shown(name));
    await expectToFit(page, `drawer of ${name}`);
    await page.keyboard.press("Escape");
    await expect(drawer).toBeHidden();
  }

  for (const name of HOSTILE) {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search everything" }).fill(name.slice(0, 24).trim());
    await expect(
      page
        .getByRole("option")
        .filter({ hasText: shown(name) })
        .first(),
    ).toBeVisible();
    await expectToFit(page, `search for ${name}`);
    await page.keyboard.press("Escape");
  }

  await page.goto("/alerts");
  const alerts = page.getByRole("table", { name: "Active alerts" });
  for (const name of HOSTILE) {
    await expect(
      alerts.getByRole("button", { name: `Acknowledge the alert of ${shown(name)}`, exact: true }),
      name,
    ).toHaveCount(1);
  }
  await lookAt(page, "alerts with any names");
  await page.goto("/proxmox?group=none");
  await expect(nameOf(page, "Guests", HOSTILE[0])).toBeVisible({ timeout: 30_000 });
  await lookAt(page, "guests with any names");
  await expectHarmless(page, asked);
});

test("names of containers and their hosts are only ever text, in tables, drawers and dialogs", async ({
  inside: page,
  baseURL,
}) => {
  test.setTimeout(120_000);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  const id = "names-spec";
  const token = await makeToken(page, ["docker:report"]);
  const report = async (): Promise<void> => {
    const answer = await fetch(`${baseURL}/api/agents/docker/report`, {
      method: "POST",
      headers: { "X-API-Token": token, "Content-Type": "application/json" },
      body: JSON.stringify({
        agent: { id, version: "5.1.0", type: "unified", intervalSeconds: 300 },
        host: { hostname: HOSTILE[0], runtime: "docker" },
        containers: HOSTILE.map((name, index) => ({
          id: `${index}`.repeat(16),
          name,
          image: `registry.lan/${name}`,
          state: index === 1 ? "exited" : "running",
          status: name,
          cpuPercent: 3,
          labels: { "com.docker.compose.project": name },
          networks: [{ name, ipv4: "192.0.2.7" }],
          mounts: [{ type: "bind", source: name, destination: name, rw: true }],
        })),
      }),
    });
    expect(answer.status, await answer.text()).toBe(200);
  };
  try {
    await report();
    for (const group of ["host", "stack"]) {
      await page.goto(`/docker?group=${group}&q=host:img`);
      for (const name of HOSTILE) await expect(nameOf(page, "Containers", name), name).toHaveCount(1);
      await expectToFit(page, `containers by ${group}`);
    }
    for (const name of HOSTILE) {
      await nameOf(page, "Containers", name).click();
      const drawer = page.getByRole("complementary");
      await expect(drawer.getByRole("heading", { level: 2 }).first()).toContainText(shown(name));
      for (const look of LOOKS) {
        await wear(page, look);
        await expectToFit(page, `drawer of ${name}, ${look.name}`);
      }
      await resize(page, 1440, 900);
      await page.keyboard.press("Escape");
      await expect(drawer).toBeHidden();
    }
    await lookAt(page, "containers with any names");

    // The dialog that asks before a host goes.
    await page.goto("/settings/agents");
    await page.getByRole("button", { name: `Manage ${HOSTILE[0]}, Docker` }).click();
    await page
      .getByRole("region", { name: `Manage ${HOSTILE[0]}` })
      .getByRole("button", { name: "Remove…" })
      .click();
    const dialog = page.getByRole("dialog", { name: `Remove ${HOSTILE[0]}?` });
    await expect(dialog).toBeVisible();
    await expectToFit(page, "dialog");
    await expectAccessible(page, "dialog with any name");
    await page.keyboard.press("Escape");
    await expectHarmless(page, asked);
  } finally {
    await page.request.delete(`/api/agents/docker/hosts/${id}?force=true`, { headers: await csrf(page) });
  }
});
