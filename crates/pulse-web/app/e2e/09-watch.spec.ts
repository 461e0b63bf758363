// The one-second view, as a person meets it: the drawer of a guest says so, and the source is asked more
// often while it is open and only then.

import { expect, rowNames, test, variable } from "./support";

async function looks(): Promise<number> {
  const counters = (await (await fetch(`${variable("SIM_CONTROL")}/counters`)).json()) as {
    paths: Record<string, number>;
  };
  return counters.paths["GET /nodes/{node}/lxc/{vmid}/status/current"] ?? 0;
}

test("an open drawer has figures of every second, and a closed one asks for nothing", async ({
  inside: page,
}) => {
  test.setTimeout(150_000);
  await page.goto("/proxmox?group=none&type=ct&state=running");
  const first = rowNames(page, "Guests").first();
  await expect(first).toBeVisible({ timeout: 30_000 });
  const before = await looks();
  await first.click();
  const drawer = page.getByRole("complementary");
  await expect(drawer).toContainText("figures of every second", { timeout: 30_000 });
  await expect.poll(looks, { timeout: 20_000 }).toBeGreaterThan(before + 4);

  await drawer.getByRole("button", { name: "Close" }).click();
  await expect(drawer).toBeHidden();
  let last = -1;
  // Three seconds without a single look.
  await expect
    .poll(
      async () => {
        const now = await looks();
        const isQuiet = now === last;
        last = now;
        return isQuiet;
      },
      { intervals: [3_000], timeout: 30_000 },
    )
    .toBe(true);
});
