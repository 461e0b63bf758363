import { expect, expectAccessible, HostWithAlert, rowNames, test } from "./support";

test("an alert is raised, shown, acknowledged and reopened", async ({ inside: page, baseURL }) => {
  test.setTimeout(120_000);
  const host = await HostWithAlert.start(page, baseURL, "spec-alerted");
  try {
    await page.goto("/alerts?q=spec-alerted");
    await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
    const acknowledge = page.getByRole("button", { name: /^Acknowledge the alert of spec-alerted/ });
    await expect(acknowledge).toHaveCount(0);
    await host.fill(99);
    await expect(page.getByText(/^Host Disk disk at 99/)).toBeVisible({ timeout: 30_000 });
    await expect(acknowledge).toBeVisible();
    await expectAccessible(page, "active alerts");
    await acknowledge.click();
    const reopen = page.getByRole("button", { name: /^Reopen the alert of spec-alerted/ });
    await expect(reopen).toBeVisible();
    await reopen.click();
    await expect(reopen).toBeHidden();
    // The drawer of the machine says it, too.
    await page.getByRole("link", { name: "Show" }).first().click();
    await expect(page.getByRole("complementary", { name: "spec-alerted" })).toContainText(/disk at 99/i);
    await page.goto("/alerts/history");
    await expect(
      page.getByRole("table", { name: "History of alerts" }).getByText("spec-alerted").first(),
    ).toBeVisible();
    await expectAccessible(page, "history of alerts");
  } finally {
    await host.end();
  }
});

test("several alerts are acknowledged at once, by keyboard", async ({ inside: page, baseURL }) => {
  test.setTimeout(120_000);
  const hosts = [
    await HostWithAlert.start(page, baseURL, "spec-several-1"),
    await HostWithAlert.start(page, baseURL, "spec-several-2"),
  ];
  try {
    for (const host of hosts) await host.fill(99);
    await page.goto("/alerts?state=open&q=spec-several");
    const rows = rowNames(page, "Active alerts");
    await expect(rows).toHaveCount(2, { timeout: 30_000 });
    await rows.first().focus();
    await page.keyboard.press(" ");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press(" ");
    await expect(page.getByText("2 selected")).toBeVisible();
    await page.getByRole("button", { name: "Acknowledge selected" }).click();
    await expect(page.getByText("2 selected")).toBeHidden();
    await page.goto("/alerts?state=done&q=spec-several");
    await expect(rows).toHaveCount(2);
  } finally {
    for (const host of hosts) await host.end();
  }
});

test("a threshold is overridden for one machine and inherited again", async ({ inside: page }) => {
  await page.goto("/alerts/thresholds?kind=host");
  const cell = page
    .getByRole("table", { name: "Thresholds" })
    .getByRole("textbox", { name: /: CPU %$/ })
    .first();
  await expect(cell).toHaveAttribute("placeholder", "80");
  await expectAccessible(page, "thresholds");
  await cell.fill("97");
  await cell.press("Tab");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByText("The thresholds hold now")).toBeVisible();
  await page.reload();
  await expect(cell).toHaveValue("97");
  await cell.fill("");
  await cell.press("Tab");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByText("The thresholds hold now")).toBeVisible();
  await page.reload();
  await expect(cell).toHaveValue("");
  await expect(cell).toHaveAttribute("placeholder", "80");
});

test("quiet hours are set and kept", async ({ inside: page }) => {
  await page.goto("/alerts/schedule");
  await page.getByLabel("Send nothing at certain times").check();
  await page.getByLabel("From", { exact: true }).fill("23:30");
  await expectAccessible(page, "schedule");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("The schedule holds now")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("From", { exact: true })).toHaveValue("23:30");
  await page.getByLabel("Send nothing at certain times").uncheck();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("The schedule holds now")).toBeVisible();
});

test("a webhook is added, and its test says why it fails", async ({ inside: page }) => {
  await page.goto("/alerts/destinations");
  await expect(page.getByRole("heading", { name: "Webhooks" })).toBeVisible();
  await expectAccessible(page, "destinations");
  await page.getByRole("button", { name: "Add a webhook" }).click();
  const form = page.getByRole("form", { name: "Webhook" });
  await form.getByLabel("Name", { exact: true }).fill("browser test");
  await form.getByLabel("Address").fill("http://169.254.169.254/latest");
  await form.getByRole("button", { name: "Send a test" }).click();
  await expect(form.getByRole("alert")).not.toBeEmpty();
  await form.getByRole("button", { name: "Cancel" }).click();
  await expect(form).toBeHidden();
});
