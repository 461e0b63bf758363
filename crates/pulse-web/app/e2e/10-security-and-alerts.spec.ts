// Sessions, the login by a provider, and alerts that are to be quiet for a while.

import { expect, expectAccessible, HostWithAlert, PASSWORD, resize, rowNames, test, USER } from "./support";

test("another session is listed, can be ended, and is out at once", async ({
  inside: page,
  browser,
  baseURL,
}) => {
  test.setTimeout(120_000);
  const elsewhere = await browser.newContext({
    ...(baseURL === undefined ? {} : { baseURL }),
    userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  });
  const other = await elsewhere.newPage();
  const answer = await other.request.post("/api/login", {
    data: { username: USER, password: PASSWORD },
    headers: { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" },
  });
  expect(answer.ok(), await answer.text()).toBe(true);
  await other.goto("/hosts");
  await expect(other.getByRole("status", { name: "Connection" })).toContainText("Live");

  await page.goto("/settings/security");
  const sessions = page.getByRole("table", { name: "Sessions" });
  await expect(sessions.getByText("this one")).toHaveCount(1);
  const row = sessions.getByRole("row").filter({ hasText: "Firefox, Linux" });
  await expect(row).toHaveCount(1);
  await expectAccessible(page, "sessions and provider");
  await row.getByRole("button", { name: `End the session of ${USER}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await expect(row).toHaveCount(0);
  await expect(other.getByText("Your session has ended")).toBeVisible({ timeout: 60_000 });
  await elsewhere.close();
});

test("the test of a provider says what is wrong, and nothing is kept by it", async ({ inside: page }) => {
  await page.goto("/settings/security");
  const form = page.getByRole("form", { name: "Login by a provider" });
  await form.getByLabel("Issuer").fill("https://127.0.0.1:9/realms/none");
  await form.getByLabel("Client id").fill("pulse");
  await form.getByRole("button", { name: "Test" }).click();
  await expect(
    form.getByRole("list", { name: "What the test found" }).or(form.getByRole("alert")),
  ).toBeVisible({
    timeout: 30_000,
  });
  await page.reload();
  await expect(form.getByLabel("Issuer")).toHaveValue("");
});

test("an alert is snoozed for an hour, and woken again", async ({ inside: page, baseURL }) => {
  const host = await HostWithAlert.start(page, baseURL, "spec-snoozed");
  try {
    await host.fill(99);
    await page.goto("/alerts?q=spec-snoozed");
    const alerts = rowNames(page, "Active alerts");
    await expect(alerts).toHaveCount(1, { timeout: 30_000 });
    await page.getByRole("button", { name: /^Snooze 1 h: the alert of spec-snoozed/ }).click();
    const wake = page.getByRole("button", { name: /^Wake \(.*: the alert of spec-snoozed/ });
    await expect(wake).toContainText(/Wake \((1\sh|59\smin)\)/);
    // The row says so in words, too, and on a phone as well.
    const mark = page.getByRole("table", { name: "Active alerts" }).getByText(/snoozed (1\sh|59\smin)/);
    await expect(mark).toHaveCount(1);
    await expectAccessible(page, "a snoozed alert");
    await resize(page, 390, 844);
    await expect(mark).toHaveCount(1);
    await expectAccessible(page, "a snoozed alert on a phone");
    await resize(page, 1440, 900);
    await wake.click();
    await expect(wake).toHaveCount(0);
  } finally {
    await host.end();
  }
});
