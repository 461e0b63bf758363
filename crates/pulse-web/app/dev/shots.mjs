// Pictures of every page of a running server, to be looked at: light, dark and phone.
//
//   npm run shots -- --url http://127.0.0.1:7655 --out /tmp/shots/demo [--only alerts,drawer] [--looks light,phone]
//
// With `--user` and `--password` (or PULSE_USER, PULSE_PASSWORD) of the server. Makes a file a page and look, and a
// sheet a look (`sheet-light.png` …) with all of them small. Whatever the page logs as an error is printed, and so is
// every page that is wider than its window; both make it fail.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";

const { values: given } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:7655" },
    out: { type: "string" },
    user: { type: "string", default: process.env.PULSE_USER ?? "admin" },
    password: { type: "string", default: process.env.PULSE_PASSWORD ?? "correct horse battery" },
    only: { type: "string", default: "" },
    looks: { type: "string", default: "" },
  },
});
if (given.out === undefined) throw new Error("--out must name the folder for the pictures");
const out = resolve(given.out);
mkdirSync(out, { recursive: true });

const LOOKS = [
  { name: "light", colorScheme: "light", width: 1440, height: 900 },
  { name: "dark", colorScheme: "dark", width: 1440, height: 900 },
  { name: "phone", colorScheme: "light", width: 390, height: 844 },
  { name: "dark-phone", colorScheme: "dark", width: 390, height: 844 },
].filter(({ name }) => given.looks === "" || given.looks.split(",").includes(name));
const only = given.only.split(",").filter(Boolean);

/** Whether it comes into sight soon. */
const isThere = (found) =>
  found.waitFor({ timeout: 4_000 }).then(
    () => true,
    () => false,
  );
/** Opens the first row of the page's own table and waits for what its charts say. */
const firstRow = (table) => async (page) => {
  const row = page
    .getByRole("table", { name: table, exact: true })
    .locator("[data-row-key]:not([data-row-key^='group:'])")
    .first();
  if (!(await isThere(row))) return false;
  await row.click();
  await page.getByRole("complementary").waitFor();
  return true;
};
const button = (name) => async (page) => {
  const found = page.getByRole("button", { name }).first();
  if (!(await isThere(found))) return false;
  await found.click();
  return true;
};

/** What is not a page of its own. A view whose `act` gives `false` is not there on this server. */
const VIEWS = [
  ...JSON.parse(readFileSync(new URL("../e2e/pages.json", import.meta.url), "utf8")).map(({ address }) => ({
    name: address.slice(1).replaceAll("/", "-"),
    address,
  })),
  { name: "drawer-guest", address: "/proxmox?q=status:running", act: firstRow("Guests") },
  { name: "drawer-guest-30d", address: "/proxmox?q=status:running&range=30d", act: firstRow("Guests") },
  { name: "drawer-host", address: "/hosts", act: firstRow("Hosts") },
  { name: "drawer-docker-host", address: "/docker", act: firstRow("Docker hosts") },
  { name: "drawer-container", address: "/docker", act: firstRow("Containers") },
  { name: "drawer-storage", address: "/proxmox/storage", act: firstRow("Storage") },
  { name: "drawer-pod", address: "/kubernetes", act: firstRow("Pods") },
  { name: "drawer-node", address: "/proxmox", act: button(/^Details of/) },
  { name: "proxmox-trends", address: "/proxmox?look=trends" },
  { name: "proxmox-flat", address: "/proxmox?group=none" },
  { name: "docker-stacks", address: "/docker?group=stack" },
  { name: "docker-services", address: "/docker?list=services" },
  { name: "kubernetes-workloads", address: "/kubernetes?list=workloads" },
  { name: "kubernetes-nodes", address: "/kubernetes?list=nodes" },
  { name: "drawer-service", address: "/docker?list=services", act: firstRow("Services") },
  { name: "backups-unprotected", address: "/proxmox/backups?list=unprotected" },
  { name: "backups-days", address: "/proxmox/backups?list=days" },
  { name: "backups-tasks", address: "/proxmox/backups?list=tasks" },
  { name: "backups-snapshots", address: "/proxmox/backups?list=snapshots" },
  { name: "backups-unclear", address: "/proxmox/backups?list=unclear" },
  { name: "form-node", address: "/settings/nodes", act: button("Add node") },
  { name: "form-token", address: "/settings/tokens", act: button("New token") },
  { name: "form-webhook", address: "/alerts/destinations", act: button("Add a webhook") },
  { name: "agent-manage", address: "/settings/agents", act: button(/^Manage/) },
  { name: "columns", address: "/proxmox?group=none", act: button("Columns") },
  { name: "nothing-matches", address: "/proxmox?q=zzzz-nobody" },
  {
    name: "search",
    address: "/proxmox",
    act: async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("option").first().waitFor();
    },
  },
  {
    name: "keys",
    address: "/proxmox",
    act: async (page) => {
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
    },
  },
  { name: "kiosk", address: "/proxmox?kiosk=1", isAlone: true },
  { name: "not-found", address: "/nothing-here" },
].filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
const problems = [];
let cookies;

for (const look of LOOKS) {
  const { name, colorScheme, width, height } = look;
  const open = async () => {
    const context = await browser.newContext({
      baseURL: given.url,
      viewport: { width, height },
      colorScheme,
      hasTouch: width < 500,
      locale: "en-GB",
    });
    if (cookies !== undefined) await context.addCookies(cookies);
    const page = await context.newPage();
    page.on("pageerror", (error) => problems.push(`${name}: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource|WebSocket/.test(message.text()))
        problems.push(`${name}: ${message.text()}`);
    });
    return { context, page };
  };
  let { context, page } = await open();
  const take = async (as) => {
    await page.screenshot({ path: join(out, `${as}.${name}.png`) });
    return as;
  };
  const taken = [];
  if (cookies === undefined) {
    // Who is not in yet sees the login, or on a new server the setup.
    await page.goto("/");
    await page.getByRole("heading", { level: 1 }).waitFor();
  } else {
    const { context: outside, page: stranger } = await (async () => {
      const kept = cookies;
      cookies = undefined;
      const opened = await open();
      cookies = kept;
      return opened;
    })();
    await stranger.goto("/");
    await stranger.getByRole("heading", { level: 1 }).waitFor();
    await stranger.screenshot({ path: join(out, `login.${name}.png`) });
    taken.push("login");
    await outside.close();
  }
  if (cookies === undefined) {
    taken.push(await take("login"));
    const answer = await page.request.post("/api/login", {
      data: { username: given.user, password: given.password },
    });
    if (!answer.ok()) throw new Error(`the server refuses the login: ${await answer.text()}`);
    cookies = await context.cookies();
  }
  for (const view of VIEWS) {
    if (view.isAlone === true) {
      await context.close();
      ({ context, page } = await open());
    }
    await page.goto(view.address);
    await page.getByRole("heading", { level: 1 }).first().waitFor({ state: "attached" });
    await page
      .getByRole("status", { name: "Connection" })
      .filter({ hasText: "Live" })
      .waitFor()
      .catch(() => problems.push(`${view.name}, ${name}: not live`));
    try {
      if ((await view.act?.(page)) === false) continue;
    } catch (error) {
      problems.push(`${view.name}, ${name}: ${String(error).split("\n")[0]}`);
      continue;
    }
    // What was asked for is there, or says why not.
    await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => undefined);
    await page.waitForTimeout(300);
    const overflow = await page.evaluate(() => {
      const main = document.querySelector("main");
      const drawer = document.querySelector("aside");
      return Math.max(
        main === null ? 0 : main.scrollWidth - main.clientWidth,
        drawer === null ? 0 : drawer.scrollWidth - drawer.clientWidth,
        document.documentElement.scrollWidth - window.innerWidth,
      );
    });
    if (overflow > 0) problems.push(`${view.name}, ${name}: ${overflow} px wider than its window`);
    taken.push(await take(view.name));
    if (view.isAlone === true) {
      await context.close();
      ({ context, page } = await open());
    }
  }
  await context.close();
  await sheets(look, taken);
  console.log(`${name}: ${taken.length} pictures in ${out}`);
}

/** Pictures beside each other, so that one look finds the page that differs. */
async function sheets(look, taken) {
  const columns = look.width < 500 ? 6 : 3;
  const rows = 3;
  const shown = Math.round(1800 / columns);
  for (let at = 0; at * columns * rows < taken.length; at += 1) {
    const these = taken.slice(at * columns * rows, (at + 1) * columns * rows);
    const html = `<!doctype html><style>body{margin:0;background:#888;font:12px sans-serif;display:grid;gap:6px;padding:6px;grid-template-columns:repeat(${columns},${shown}px)}img{width:100%;display:block}figure{margin:0}</style>${these
      .map((as) => `<figure>${as}<img src="${as}.${look.name}.png"></figure>`)
      .join("")}`;
    const file = join(out, `sheet-${look.name}-${at + 1}.html`);
    writeFileSync(file, html);
    const page = await browser.newPage({ viewport: { width: columns * (shown + 6) + 6, height: 900 } });
    await page.goto(pathToFileURL(file).href);
    await page.screenshot({ path: file.replace(/html$/, "png"), fullPage: true });
    await page.close();
  }
}

await browser.close();
for (const problem of problems) console.log(`look at ${problem}`);
if (problems.length > 0) process.exitCode = 1;
