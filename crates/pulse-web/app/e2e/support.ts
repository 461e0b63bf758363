// What all browser tests share: who logs in, what must hold on every page.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test as base, expect, type Locator, type Page, type WebSocketRoute } from "@playwright/test";

export const USER = process.env.PULSE_USER ?? "admin";
export const PASSWORD = process.env.PULSE_PASSWORD ?? "correct horse battery";

/** A variable that the task which starts the servers must set. */
export function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; \`cargo xtask test\` sets it`);
  return value;
}

/** One session for all tests: the server allows only so many logins a minute. Emptied with each run. */
const SESSION = "test-results/session.json";

/** Goes in by the API, so that a test starts where its own subject starts. */
export async function logIn(page: Page): Promise<void> {
  if (existsSync(SESSION)) {
    const { cookies } = JSON.parse(readFileSync(SESSION, "utf8")) as Awaited<
      ReturnType<ReturnType<Page["context"]>["storageState"]>
    >;
    await page.context().addCookies(cookies);
    const status = await (await page.request.get("/api/security/status")).json();
    if (status.authUsername === USER) return;
  }
  const answer = await page.request.post("/api/login", { data: { username: USER, password: PASSWORD } });
  expect(answer.ok(), await answer.text()).toBe(true);
  await page.context().storageState({ path: SESSION });
}

/** A test with a page that is logged in, and that fails on any error the browser reports. */
export const test = base.extend<{ errors: string[]; inside: Page }>({
  errors: async ({ page }, use) => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(`uncaught: ${error.message}`));
    page.on("console", (message) => {
      // What a test provokes (a refused request, a closed socket) the browser logs as a network error.
      const isNetwork = /Failed to load resource|WebSocket connection/.test(message.text());
      if (message.type() === "error" && !isNetwork) errors.push(message.text());
    });
    await use(errors);
    expect(errors, "the browser reported errors (a policy violation is one)").toEqual([]);
  },
  inside: async ({ page, errors }, use) => {
    void errors;
    await logIn(page);
    await use(page);
  },
});

export { expect };

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string | null;
  help: string;
  nodes: { html: string; failureSummary?: string }[];
}

/** Fails on anything serious or critical that axe finds on the page as it is now. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  // Not as a script element: the page's own policy forbids that, and stays in force.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const axe = (
      window as unknown as { axe: { run: (root: Document) => Promise<{ violations: Violation[] }> } }
    ).axe;
    return (await axe.run(document)).violations;
  });
  const bad = found
    .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
    .map((violation) => ({
      rule: `${violation.id}: ${violation.help}`,
      where: violation.nodes
        .slice(0, 3)
        .map((node) => `${node.html.slice(0, 200)} ${node.failureSummary?.slice(0, 200) ?? ""}`),
    }));
  expect(bad, what).toEqual([]);
}

/** The rows of a table that are drawn now, without headings of groups. */
export function rowNames(page: Page, table: string) {
  return page
    .getByRole("table", { name: table, exact: true })
    .locator("[data-row-key]:not([data-row-key^='group:'])");
}

/** Whether a Docker host with a container reports to the server: not every machine has an engine. */
export async function hasContainers(page: Page): Promise<boolean> {
  const state = (await (await page.request.get("/api/state")).json()) as {
    dockerHosts: { containers: unknown[] }[];
  };
  return state.dockerHosts.some((host) => host.containers.length > 0);
}

/** All pages with an address of their own, as the screenshots take them, too. */
export const PAGES = JSON.parse(readFileSync(new URL("./pages.json", import.meta.url), "utf8")) as readonly {
  address: string;
  heading: string;
}[];

/** What every page must be fit for. */
export const LOOKS = [
  { name: "light", scheme: "light", width: 1440 },
  { name: "dark", scheme: "dark", width: 1440 },
  { name: "phone", scheme: "light", width: 390 },
  { name: "dark phone", scheme: "dark", width: 390 },
] as const;

export async function wear(page: Page, look: (typeof LOOKS)[number]): Promise<void> {
  await page.emulateMedia({ colorScheme: look.scheme });
  await resize(page, look.width, 844);
}

/** The window has that size, and the page has heard of it: a browser tells its scripts only with the next frame. */
export async function resize(page: Page, width: number, height: number): Promise<void> {
  await page.setViewportSize({ width, height });
  await page.waitForFunction((wanted) => window.innerWidth === wanted, width);
  await page.evaluate(
    () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
  );
}

/** Holds the state that is on the page to what holds for every state, in each look, and keeps a picture of it. */
export async function lookAt(page: Page, what: string): Promise<void> {
  for (const look of LOOKS) {
    await wear(page, look);
    await expectAccessible(page, `${what}, ${look.name}`);
    await expectToFit(page, `${what}, ${look.name}`);
    await page.screenshot({
      path: `test-results/looks/${what} ${look.name}.png`.replaceAll(" ", "-"),
    });
  }
  await page.emulateMedia({ colorScheme: "light" });
  await resize(page, 1440, 900);
}

/** Nothing is wider than its window: neither the page, nor what lies over it. Not at once after a change of the window. */
export async function expectToFit(page: Page, what: string): Promise<void> {
  const overflow = (): Promise<number> =>
    page.evaluate(() => {
      const boxes = document.querySelectorAll("main, aside, dialog[open]");
      const inside = [...boxes].map((box) => box.scrollWidth - box.clientWidth);
      return Math.max(document.documentElement.scrollWidth - window.innerWidth, ...inside);
    });
  await expect
    .poll(overflow, { message: `${what} is wider than its window`, timeout: 5_000 })
    .toBeLessThanOrEqual(0);
}

/** Tabs until the control has the focus, at most once around the page. */
export async function tabTo(page: Page, wanted: Locator): Promise<void> {
  await expect(wanted).toBeVisible();
  for (let step = 0; step < 100; step += 1) {
    if (await wanted.evaluate((control) => control === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`no key leads to ${wanted}`);
}

/** Goes to the field by keyboard and types over what it holds. */
export async function typeInto(page: Page, field: Locator, text: string): Promise<void> {
  await tabTo(page, field);
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type(text);
}

/** Goes to the control by keyboard and presses it. */
export async function pressOn(page: Page, control: Locator): Promise<void> {
  await tabTo(page, control);
  await page.keyboard.press("Enter");
}

/** What a request of the session has to carry to change something. */
export async function csrf(page: Page): Promise<{ "X-CSRF-Token": string }> {
  const cookies = await page.context().cookies();
  const value = cookies.find((cookie) => cookie.name === "pulse_csrf")?.value ?? "";
  return { "X-CSRF-Token": decodeURIComponent(value) };
}

/** A token with these rights, made over the API. */
export async function makeToken(page: Page, scopes: readonly string[]): Promise<string> {
  const answer = await page.request.post("/api/security/tokens", {
    headers: await csrf(page),
    data: { name: `spec ${scopes.join(" ")}`, scopes },
  });
  expect(answer.ok(), await answer.text()).toBe(true);
  return ((await answer.json()) as { token: string }).token;
}

/** A report of a host that is nobody's machine; the server's status. */
export async function reportHost(
  base: string | undefined,
  token: string,
  id: string,
  more: object = {},
): Promise<number> {
  const answer = await fetch(`${base}/api/agents/host/report`, {
    method: "POST",
    headers: { "X-API-Token": token, "Content-Type": "application/json" },
    body: JSON.stringify({
      agent: { id, version: "5.1.0", type: "unified", intervalSeconds: 300 },
      host: { id, hostname: id, machineId: id, osName: "Debian" },
      metrics: { cpuUsagePercent: 7 },
      ...more,
    }),
  });
  return answer.status;
}

/** A host of the test's own, which has an alert as soon as its disk is full, whatever the real machines do. */
export class HostWithAlert {
  private constructor(
    private readonly page: Page,
    private readonly base: string | undefined,
    private readonly token: string,
    private readonly id: string,
  ) {}

  static async start(page: Page, base: string | undefined, id: string): Promise<HostWithAlert> {
    const config = await (await page.request.get("/api/alerts/config")).json();
    const answer = await page.request.put("/api/alerts/config", {
      headers: await csrf(page),
      data: { ...config, timeThreshold: 0, timeThresholds: { ...config.timeThresholds, host: 0 } },
    });
    expect(answer.ok(), await answer.text()).toBe(true);
    const host = new HostWithAlert(page, base, await makeToken(page, ["host-agent:report"]), id);
    await host.fill(40);
    return host;
  }

  /** Reports a disk that is this full. */
  async fill(percent: number): Promise<void> {
    const disk = {
      device: "/dev/sda1",
      mountpoint: "/srv",
      type: "ext4",
      totalBytes: 100_000_000_000,
      usedBytes: percent * 1_000_000_000,
      freeBytes: (100 - percent) * 1_000_000_000,
      usage: percent,
    };
    expect(await reportHost(this.base, this.token, this.id, { disks: [disk] })).toBe(200);
  }

  /** Takes the host away, and its alert with it. */
  async end(): Promise<void> {
    await this.page.request.delete(`/api/agents/host/${this.id}`, { headers: await csrf(this.page) });
  }
}

/**
 * As `page.routeWebSocket`, for the live channel. It lives in a worker, which the browser's tools do not reach: without
 * workers the page keeps the channel itself.
 */
export async function routeLive(page: Page, handler: (socket: WebSocketRoute) => void): Promise<void> {
  await page.addInitScript(() => void Reflect.deleteProperty(globalThis, "Worker"));
  await page.routeWebSocket(/\/ws/, handler);
}
