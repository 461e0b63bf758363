// What the page costs in a large estate: first view, a live update, scrolling, memory over many updates.
//
//   npm run build && npm run measure
//
// Starts the mock with 5,000 guests and 1,000 containers and looks with Chromium. Times of the main
// thread are processor time of that thread, so that a busy machine does not count.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const PORT = Number(process.env.PORT ?? 7655);
const GUESTS = Number(process.env.GUESTS ?? 5000);
const CONTAINERS = Number(process.env.CONTAINERS ?? 1000);
const UPDATES = Number(process.env.UPDATES ?? 8640);
const base = `http://127.0.0.1:${PORT}`;

async function mock(stepMs) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("mock.mjs", import.meta.url))], {
    env: {
      ...process.env,
      PORT: String(PORT),
      GUESTS: String(GUESTS),
      CONTAINERS: String(CONTAINERS),
      STEP_MS: String(stepMs),
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--js-flags=--expose-gc"],
});

async function open() {
  const context = await browser.newContext({ baseURL: base, viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.request.post("/api/login", { data: { username: "admin", password: "admin" } });
  const client = await context.newCDPSession(page);
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  const metrics = async () =>
    Object.fromEntries(
      (await client.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]),
    );
  return { context, page, client, metrics };
}

const figures = {};

// First view and live updates, one every two seconds.
let server = await mock(2_000);
{
  const { context, page, metrics } = await open();
  const start = performance.now();
  await page.goto("/proxmox?group=none");
  await page.locator("table[aria-label=Guests] [data-row-key]").first().waitFor();
  figures["first guests in sight, ms"] = Math.round(performance.now() - start);
  figures["first paint, ms"] = Math.round(
    await page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    ),
  );
  await page.waitForTimeout(5_000);
  const before = await metrics();
  await page.waitForTimeout(20_000);
  const after = await metrics();
  const perUpdate = (name) => ((after[name] - before[name]) * 1_000) / 10;
  figures["live update, main thread, ms"] = Number(perUpdate("TaskDuration").toFixed(1));
  figures["  of it script, ms"] = Number(perUpdate("ScriptDuration").toFixed(1));
  figures["  of it style and layout, ms"] = Number(
    (perUpdate("LayoutDuration") + perUpdate("RecalcStyleDuration")).toFixed(1),
  );
  const scroll = async (selector) => {
    const main = document.querySelector(selector);
    let frames = 0;
    const start = performance.now();
    await new Promise((resolve) => {
      const step = () => {
        frames += 1;
        main.scrollTop += 120;
        if (performance.now() - start < 4_000) requestAnimationFrame(step);
        else resolve();
      };
      requestAnimationFrame(step);
    });
    return Math.round((frames * 1_000) / (performance.now() - start));
  };
  figures["frames a second while scrolling"] = await page.evaluate(scroll, "main");
  // What this machine makes of a page without anything on it, at this moment.
  await page.evaluate(() => {
    const box = document.createElement("div");
    const content = document.createElement("div");
    box.id = "empty";
    Object.assign(box.style, { height: "100vh", overflow: "auto" });
    content.style.height = "200000px";
    box.append(content);
    document.body.replaceChildren(box);
  });
  figures["  of an empty page"] = await page.evaluate(scroll, "#empty");
  await context.close();
}
server.kill();

// A day of updates (one every ten seconds), as fast as they come.
server = await mock(25);
{
  const { context, page, client } = await open();
  await page.goto("/proxmox");
  await page.locator("table[aria-label=Guests] [data-row-key]").first().waitFor();
  const heap = async () => {
    await client.send("HeapProfiler.collectGarbage");
    return (await client.send("Runtime.getHeapUsage")).usedSize / 1024 / 1024;
  };
  let updates = 0;
  client.on("Network.webSocketFrameReceived", () => {
    updates += 1;
  });
  await client.send("Network.enable");
  await page.waitForTimeout(10_000);
  const first = await heap();
  figures["heap at the beginning, MB"] = Number(first.toFixed(1));
  const began = updates;
  const limit = performance.now() + 400_000;
  while (updates - began < UPDATES && performance.now() < limit) await page.waitForTimeout(2_000);
  figures["updates in between"] = updates - began;
  figures["heap at the end, MB"] = Number((await heap()).toFixed(1));
  await context.close();
}
server.kill();
await browser.close();
for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${value}`);
