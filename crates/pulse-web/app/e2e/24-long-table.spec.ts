// A table of which only some rows are drawn: while one scrolls, the elements of rows become other rows.

import type { Page } from "@playwright/test";
import { expect, routeLive, test } from "./support";

const COUNT = 400;

/** The same for each of its kind; every third is stopped and has no figures. */
function guest(index: number): object {
  const isOn = index % 3 !== 0;
  return {
    id: `lab:pve1:${1000 + index}`,
    vmid: 1000 + index,
    name: `guest-${String(index).padStart(3, "0")}`,
    node: "pve1",
    instance: "lab",
    status: isOn ? "running" : "stopped",
    type: "qemu",
    cpu: isOn ? 0.25 : 0,
    cpus: 2,
    ...(isOn ? { memory: { total: 1000, used: index, usage: index / 10, free: 1000 - index } } : {}),
    mem: isOn ? index : 0,
    maxmem: 1000,
    networkIn: 0,
    networkOut: 0,
    diskRead: 0,
    diskWrite: 0,
    uptime: isOn ? 1000 : 0,
    lastSeen: 1,
  };
}

async function open(page: Page): Promise<void> {
  await routeLive(page, (socket) => {
    const node = {
      id: "lab-pve1",
      name: "pve1",
      instance: "lab",
      status: "online",
      type: "node",
      cpu: 0,
      uptime: 1,
      lastSeen: 1,
    };
    const vms = Array.from({ length: COUNT }, (_, index) => guest(index));
    const state = { nodes: [node], vms, lastUpdate: Date.now(), connectionHealth: { lab: true } };
    socket.send(JSON.stringify({ type: "welcome", data: { stream: "delta" } }));
    socket.send(JSON.stringify({ type: "snapshot", data: { version: 1, state } }));
    setTimeout(() => {
      // Of the memory only the used bytes are told.
      const set = Object.fromEntries(
        [1, 2, 301, 302].map((index) => [`lab:pve1:${1000 + index}`, { memory: { used: 905 } }]),
      );
      socket.send(
        JSON.stringify({ type: "delta", data: { version: 2, base: 1, collections: { vms: { set } } } }),
      );
    }, 300);
  });
  await page.goto("/proxmox?group=none");
  await expect(page.getByText("guest-001")).toBeVisible();
  await expect(page.locator("tr", { has: page.getByText("guest-001") })).toContainText(/91\s%|90\.5\s%/);
}

/** What is drawn, in the order of the page's elements. */
async function drawn(page: Page) {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLTableRowElement>("table[aria-label=Guests] tbody tr")].map((row) => ({
      index: Number(row.getAttribute("aria-rowindex")),
      top: Math.round(row.getBoundingClientRect().top),
      name: row.querySelector<HTMLElement>("[data-row-key]")?.innerText ?? "",
      id: row.cells[2]?.innerText ?? "",
      memory: row.cells[4]?.innerText.replace(/\s/g, " ") ?? "",
      isDim: row.dataset.tone === "dim",
    })),
  );
}

async function scrollTo(page: Page, top: number): Promise<void> {
  await page.evaluate((to) => document.querySelector("main")?.scrollTo(0, to), top);
}

test("whatever is scrolled to shows its own figures, each at its own place", async ({ inside: page }) => {
  await open(page);
  for (const top of [400, 2_000, 8_000, 20_000, 3_000, 0]) {
    await scrollTo(page, top);
    await page.waitForFunction(() => {
      const first = document.querySelector("table[aria-label=Guests] tbody tr")?.getBoundingClientRect();
      return first !== undefined && first.top < window.innerHeight;
    });
    await expect
      .poll(async () =>
        (await drawn(page))
          .map(({ index }) => index)
          .every((each, at, all) => at === 0 || each > (all[at - 1] ?? 0)),
      )
      .toBe(true);
    const rows = await drawn(page);
    const first = rows[0];
    expect(rows.length).toBeGreaterThan(20);
    for (const row of rows) {
      const at = row.index - 2;
      expect(row.top - (first?.top ?? 0)).toBe((row.index - (first?.index ?? 0)) * 28);
      expect(row).toMatchObject({
        name: `guest-${String(at).padStart(3, "0")}`,
        id: String(1000 + at),
        isDim: at % 3 === 0,
      });
      if (at % 3 === 0) expect(row.memory).toBe("—");
      else if ([1, 2, 301, 302].includes(at)) expect(row.memory).toMatch(/^(91|90\.5) %/);
      else expect(row.memory).not.toBe("—");
    }
  }
});

test("the keyboard goes through all of a long table and stays where it is while it moves", async ({
  inside: page,
}) => {
  await open(page);
  const focused = (): Promise<string> =>
    page.evaluate(() => (document.activeElement as HTMLElement | null)?.innerText ?? "");
  await page.getByRole("button", { name: "guest-000" }).focus();
  for (let step = 0; step < 40; step += 1) await page.keyboard.press("ArrowDown");
  await expect.poll(focused).toBe("guest-040");
  await page.keyboard.press("End");
  await expect.poll(focused).toBe(`guest-${COUNT - 1}`);
  await page.mouse.move(700, 600);
  await page.mouse.wheel(0, -100);
  await expect.poll(async () => (await drawn(page)).at(-1)?.name).toBe(`guest-${COUNT - 1}`);
  expect(await focused()).toBe(`guest-${COUNT - 1}`);
  await page.keyboard.press("ArrowUp");
  await expect.poll(focused).toBe(`guest-${COUNT - 2}`);
  // Who scrolls far away from where he stood stands on no other row.
  await scrollTo(page, 0);
  await expect(page.getByRole("button", { name: "guest-000" })).toBeVisible();
  await expect.poll(focused).not.toMatch(/^guest-\d+$/);
});

test("what is selected stays selected out of sight", async ({ inside: page }) => {
  await open(page);
  await page.getByRole("button", { name: "Select rows" }).click();
  await page
    .locator("tr", { has: page.getByText("guest-004") })
    .getByRole("checkbox")
    .check();
  await scrollTo(page, 9_000);
  await expect(page.getByText("guest-004")).toHaveCount(0);
  await expect(page.locator("table[aria-label=Guests] tr[data-selected]")).toHaveCount(0);
  await expect(page.locator("table[aria-label=Guests] input:checked")).toHaveCount(0);
  await scrollTo(page, 0);
  await expect(page.locator("tr[data-selected]")).toContainText("guest-004");
  await expect(page.locator("table[aria-label=Guests] input:checked")).toHaveCount(1);
});
