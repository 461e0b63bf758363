// What the page costs in a large estate: first view, a live update, scrolling, memory over many updates.
//
//   npm run build && npm run measure
//
// Starts the mock with 5,000 guests and 1,000 containers and looks with Chromium. Times of the main
// thread are processor time of that thread, so that a busy machine does not count.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const PORT = Number(process.env.PORT ?? 7655);
const GUESTS = Number(process.env.GUESTS ?? 5000);
const CONTAINERS = Number(process.env.CONTAINERS ?? 1000);
const UPDATES = Number(process.env.UPDATES ?? 8640);
/** The day of updates ends early on a machine that needs longer for it. */
const LONGEST_MS = 400_000;
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
  process.once("exit", () => child.kill());
  const failed = once(child, "exit").then(() => Promise.reject(new Error("the mock did not start")));
  await Promise.race([once(child.stdout, "data"), failed]);
  failed.catch(() => undefined);
  return child;
}

/** Its port is free afterwards. */
async function stop(child) {
  const over = once(child, "exit");
  child.kill();
  await over;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--js-flags=--expose-gc"],
});

/** Counts the updates that reach the page from its worker. Runs in the page, before anything of its own. */
function countUpdates() {
  window.updates = 0;
  window.Worker = class extends window.Worker {
    constructor(...values) {
      super(...values);
      this.addEventListener("message", ({ data }) => {
        if (data.event.kind === "message" && data.event.message.type === "delta") window.updates += 1;
      });
    }
  };
}

async function open() {
  const context = await browser.newContext({ baseURL: base, viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(countUpdates);
  await page.request.post("/api/login", { data: { username: "admin", password: "admin" } });
  const client = await context.newCDPSession(page);
  await client.send("Performance.enable", { timeDomain: "threadTicks" });
  const metrics = async () =>
    Object.fromEntries(
      (await client.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]),
    );
  return { context, page, client, metrics };
}

/** A way to ask the page's worker, which is a target of its own: its heap is not in the page's. */
async function worker(client) {
  const answers = new Map();
  let count = 0;
  client.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result } = JSON.parse(message);
    answers.get(id)?.(result);
    answers.delete(id);
  });
  const attached = new Promise((resolve) => client.once("Target.attachedToTarget", resolve));
  await client.send("Target.setAutoAttach", {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  const { sessionId } = await attached;
  return async (method) => {
    count += 1;
    const answer = new Promise((resolve) => answers.set(count, resolve));
    const message = JSON.stringify({ id: count, method });
    await client.send("Target.sendMessageToTarget", { sessionId, message });
    return answer;
  };
}

const figures = { "load average at the beginning": Number(loadavg()[0].toFixed(1)) };

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
  const updates = () => page.evaluate(() => window.updates);
  const began = await updates();
  const before = await metrics();
  await page.waitForTimeout(20_000);
  const after = await metrics();
  const count = (await updates()) - began;
  const perUpdate = (name) => ((after[name] - before[name]) * 1_000) / count;
  figures["updates looked at"] = count;
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
await stop(server);

// A day of updates (one every ten seconds), as fast as they come.
server = await mock(25);
{
  const { context, page, client } = await open();
  await page.goto("/proxmox");
  await page.locator("table[aria-label=Guests] [data-row-key]").first().waitFor();
  const beside = await worker(client);
  /** What is left after the garbage is gone: of the page, and of the worker that takes the updates apart. */
  const heap = async () => {
    const sizes = [];
    for (const send of [(method) => client.send(method), beside]) {
      await send("HeapProfiler.collectGarbage");
      sizes.push(((await send("Runtime.getHeapUsage")).usedSize / 1024 / 1024).toFixed(1));
    }
    return `page ${sizes[0]}, worker ${sizes[1]}`;
  };
  const updates = () => page.evaluate(() => window.updates);
  await page.waitForTimeout(10_000);
  const began = await updates();
  figures["heap at the beginning, MB"] = await heap();
  const limit = performance.now() + LONGEST_MS;
  while ((await updates()) - began < UPDATES && performance.now() < limit) await page.waitForTimeout(2_000);
  figures["updates in between"] = (await updates()) - began;
  figures["heap at the end, MB"] = await heap();
  await context.close();
}
await stop(server);
await browser.close();
figures["load average at the end"] = Number(loadavg()[0].toFixed(1));
for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${value}`);
