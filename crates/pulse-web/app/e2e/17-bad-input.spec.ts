// What an administrator meets when Proxmox does not answer as it should: each is named at its node, with what to do about
// it, and can be put right from there. The last file of the run: what it breaks it mends.

import type { Page } from "@playwright/test";
import { expect, expectAccessible, rowNames, test, variable } from "./support";

/** Longer than a poll, and than a source that failed is left alone. */
const SOON = { timeout: 45_000 };

/** Asks the simulator's control API. */
async function control(
  page: Page,
  method: "GET" | "POST" | "DELETE",
  path: string,
  data?: object,
): Promise<string> {
  const answer = await page.request.fetch(`${variable("SIM_CONTROL")}${path}`, {
    method,
    ...(data ? { data } : {}),
  });
  expect(answer.ok(), `${method} ${path}: ${answer.status()}`).toBe(true);
  return answer.text();
}

async function breaks(page: Page, effect: object, path = "*"): Promise<void> {
  await control(page, "POST", "/faults", { path, effect });
}

/** The rows of the simulated cluster in the list of nodes: itself, and what is wrong with it. */
function entry(page: Page) {
  return page.getByRole("table", { name: "Configured nodes" }).locator("tr[data-node='simulated']");
}

async function opens(page: Page): Promise<void> {
  await page.goto("/settings/nodes");
  await expect(entry(page).first()).toBeVisible();
}

test.afterEach(async ({ page }) => {
  await control(page, "DELETE", "/faults");
});

test("a revoked token is named with what to do, and a new secret puts it right", async ({ inside: page }) => {
  test.setTimeout(150_000);
  await breaks(page, { kind: "revoke_token" });
  await page.goto("/proxmox");
  const note = page.getByRole("main").getByText(/Not answering: .*simulated|No Proxmox source answers/);
  await expect(note).toBeVisible(SOON);
  // What was told last is still there.
  await expect(rowNames(page, "Guests").first()).toBeVisible();
  await page.getByRole("link", { name: "Why" }).click();
  const alert = entry(page).getByRole("alert");
  await expect(alert).toContainText(`refuses the API token ${variable("SIM_TOKEN_NAME")}`);
  await expect(alert).toContainText("check its name and secret");
  await expect(page.getByText(variable("SIM_TOKEN_VALUE"))).toHaveCount(0);
  await expectAccessible(page, "a revoked token");
  await page.screenshot({ path: "test-results/bad-token.png", fullPage: true });

  await control(page, "DELETE", "/faults");
  await page.getByRole("button", { name: "Change simulated" }).click();
  const form = page.getByRole("form", { name: "Change simulated" });
  await form.getByLabel("Token secret").fill(variable("SIM_TOKEN_VALUE"));
  await form.getByRole("button", { name: "Save" }).click();
  await expect(entry(page).getByText("Proxmox VE, connected")).toBeVisible(SOON);
  await expect(alert).toBeHidden();
});

test("what too few privileges hide is named before and after a node is added", async ({ inside: page }) => {
  test.setTimeout(150_000);
  await breaks(page, { kind: "downgrade" });
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Add node" }).click();
  const form = page.getByRole("form", { name: "Add a node" });
  await form.getByLabel("Address").fill(variable("SIM_URL"));
  await form.getByLabel("Token id").fill(variable("SIM_TOKEN_NAME"));
  await form.getByLabel("Token secret").fill(variable("SIM_TOKEN_VALUE"));
  await form.getByLabel("Certificate fingerprint").fill(variable("SIM_FINGERPRINT"));
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByText(/Successfully connected/)).toBeVisible();
  const warning = form.getByRole("status").filter({ hasText: "VM.GuestAgent.Audit" });
  await expect(warning).toContainText("are not shown");
  await form.getByRole("button", { name: "Cancel" }).click();
  // And at the node that is there, as soon as it was asked.
  await expect(async () => {
    await opens(page);
    await expect(
      entry(page)
        .getByText(/lack VM\.GuestAgent\.\w+ on/)
        .first(),
    ).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 90_000 });
  await expect(entry(page).getByText("Proxmox VE, connected")).toBeVisible();
  await page.screenshot({ path: "test-results/bad-privileges.png", fullPage: true });
});

test("a certificate that changed is shown beside the trusted one, and trusted when somebody says so", async ({
  inside: page,
}) => {
  test.setTimeout(180_000);
  const accept = async (isFirst: boolean): Promise<string> => {
    await expect(async () => {
      await opens(page);
      await expect(entry(page).getByRole("alert")).toContainText("shows another certificate", {
        timeout: 2_000,
      });
    }).toPass(SOON);
    await page.getByRole("button", { name: "Look at the new certificate of simulated" }).click();
    const dialog = page.getByRole("dialog", { name: "Trust the new certificate of simulated?" });
    await expect(dialog).toContainText("pvenode cert info");
    const [trusted, shown] = await dialog.locator("code").allInnerTexts();
    expect(shown).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    expect(shown).not.toBe(trusted);
    if (isFirst) {
      await expectAccessible(page, "another certificate");
      await page.screenshot({ path: "test-results/bad-certificate.png" });
      // Nothing is trusted by looking.
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await expect(entry(page).getByRole("alert")).toBeVisible();
      await page.getByRole("button", { name: "Look at the new certificate of simulated" }).click();
    }
    await dialog.getByRole("button", { name: "Trust it" }).click();
    await expect(page.getByText("simulated is trusted with its new certificate.")).toBeVisible();
    await expect(entry(page).getByText("Proxmox VE, connected")).toBeVisible(SOON);
    return shown ?? "";
  };
  await breaks(page, { kind: "wrong_cert" });
  await accept(true);
  await control(page, "DELETE", "/faults");
  expect(await accept(false)).toBe(variable("SIM_FINGERPRINT"));
});

const LONG = "n".repeat(10_000);
const HOSTILE = [
  ["emoji and right to left", "\u{1f600}\u{202e}gpj.exe\u{2066}"],
  ["quotes", `"'\`; DROP TABLE guests;-- \${7*7} {{7*7}}`],
  ["HTML", '<img src=x onerror="window.wasRun=true"><script>window.wasRun=true</script>'],
  ["ten thousand characters", LONG],
] as const;

for (const [what, name] of HOSTILE) {
  test(`names with ${what} are only text, on every page and every screen`, async ({ inside: page }) => {
    test.setTimeout(180_000);
    for (const field of ["name", "storage", "comment", "description", "error", "tags", "model", "notes"]) {
      await breaks(page, { kind: "wrong_type", field, value: name }, field === "storage" ? "/storage" : "*");
    }
    // What would turn the words behind it around is shown as a mark.
    const shown = name.replaceAll(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd").slice(0, 20);
    await page.goto("/proxmox?layout=flat");
    const guests = page.getByRole("table", { name: "Guests" });
    await expect(guests.getByText(shown).first()).toBeVisible(SOON);
    for (const at of [
      "/proxmox",
      "/proxmox/storage",
      "/proxmox/disks",
      "/proxmox/replication",
      "/proxmox/backups",
      "/alerts",
      "/settings/nodes",
    ]) {
      await page.goto(at);
      await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
      for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        const over = () =>
          page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        await expect.poll(over, `${at} at ${width} pixels is wider than the screen`).toBeLessThanOrEqual(0);
        const slug = `${what}-${at}-${width}`.replaceAll(/[^a-z0-9]+/gi, "-");
        await page.screenshot({ path: `test-results/hostile-${slug}.png` });
      }
      await page.setViewportSize({ width: 1440, height: 900 });
    }
    // A row is a row, and its drawer opens and holds the whole of the name.
    await page.goto("/proxmox");
    const row = rowNames(page, "Guests").first();
    await expect(row).toBeVisible();
    expect((await row.boundingBox())?.height ?? 0).toBeLessThan(60);
    await row.click();
    const drawer = page.getByRole("complementary").or(page.getByRole("dialog")).first();
    await expect(drawer).toContainText(shown);
    await expectAccessible(page, `names with ${what}`);
    await page.screenshot({ path: `test-results/hostile-${what.replaceAll(" ", "-")}-drawer.png` });
    expect(await page.evaluate(() => (window as unknown as { wasRun?: boolean }).wasRun)).toBeUndefined();
    // What the page is sent is cut, and only there: the simulator says all of it.
    const state = await (await page.request.get("/api/state")).text();
    const runs = (state.match(/n{100,}/g) ?? []).map((run) => run.length);
    if (name === LONG) expect(runs.length).toBeGreaterThan(0);
    expect(Math.max(0, ...runs), "a name of more than 256 characters was sent").toBeLessThanOrEqual(256);
  });
}

test("a certificate authority is pasted into the form instead of a fingerprint", async ({ inside: page }) => {
  test.setTimeout(120_000);
  const authority = await control(page, "GET", "/authority");
  await opens(page);
  await page.getByRole("button", { name: "Change simulated" }).click();
  const form = page.getByRole("form", { name: "Change simulated" });
  await form.getByLabel("Certificate fingerprint").fill("");
  await form.getByLabel("Certificate authority").fill("-----BEGIN PRIVATE KEY-----");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByText("That is a private key")).toBeVisible();
  await form.getByLabel("Certificate authority").fill(authority);
  await expect(form.getByText("The authority above must have signed it for this address.")).toBeVisible();
  // The test is the server's, with what is typed: the secret is needed for it.
  await form.getByLabel("Token secret").fill(variable("SIM_TOKEN_VALUE"));
  await form.getByRole("button", { name: "Test connection" }).click();
  await expect(form.getByText(/Successfully connected/)).toBeVisible(SOON);
  await expectAccessible(page, "a certificate authority");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("simulated was changed.")).toBeVisible();
  await expect(entry(page).getByText("certificate verified by an authority of its own")).toBeVisible();
  await expect(entry(page).getByText(/Proxmox Virtual Environment.*, until 20\d\d-/)).toBeVisible();
  await expect(entry(page).getByText("Proxmox VE, connected")).toBeVisible(SOON);

  // Back to the fingerprint, which the form looks up.
  await page.getByRole("button", { name: "Change simulated" }).click();
  await form.getByLabel("Certificate authority").fill("");
  await form.getByRole("button", { name: "Look at its certificate" }).click();
  await expect(form.getByLabel("Certificate fingerprint")).toHaveValue(variable("SIM_FINGERPRINT"));
  await expect(form.getByText(/Compare the fingerprint/)).toBeVisible();
  await form.getByRole("button", { name: "Save" }).click();
  await expect(entry(page).getByText("certificate pinned")).toBeVisible();
  await expect(entry(page).getByText("Proxmox VE, connected")).toBeVisible(SOON);
});

test("the members of a cluster are listed and looked for again", async ({ inside: page }) => {
  await opens(page);
  await entry(page).getByText("3 members").click();
  const members = entry(page).getByRole("list");
  await expect(members.getByRole("listitem")).toHaveCount(3);
  await expect(members).toContainText("pve2");
  await entry(page).getByRole("button", { name: "Look again for members of simulated" }).click();
  await expect(entry(page).getByText("3 members, none of them new.")).toBeVisible(SOON);
  await expectAccessible(page, "members of a cluster");
});
