// Adding a node without typing its address: found in the network, or by the node's own doing.

import { expect, expectAccessible, test } from "./support";

const FINGERPRINT = Array.from({ length: 32 }, () => "AB").join(":");

test("a server that was found fills the form", async ({ inside: page }) => {
  // No Proxmox stands on the usual port of this network: the answer is the server's own, its content is not.
  await page.route("**/api/discover", (route) =>
    route.fulfill({
      json: {
        cached: false,
        environment: null,
        errors: ["198.51.100.0/24: not a private network"],
        servers: [
          {
            ip: "192.0.2.7",
            port: 8007,
            type: "pbs",
            hostname: "vault",
            version: "Unknown",
            fingerprint: FINGERPRINT,
          },
        ],
      },
    }),
  );
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Add node" }).click();
  const form = page.getByRole("form", { name: "Add a node" });
  await form.getByText("Search the network for Proxmox servers").click();
  await form.getByRole("button", { name: "Search", exact: true }).click();
  await expect(form.getByText("not a private network")).toBeVisible();
  await expectAccessible(page, "servers found");
  await form.getByRole("button", { name: "Use 192.0.2.7:8007" }).click();
  await expect(form.getByLabel("Address")).toHaveValue("https://192.0.2.7:8007");
  await expect(form.getByRole("textbox", { name: "Name" })).toHaveValue("vault");
  await expect(form.getByLabel("Certificate fingerprint")).toHaveValue(FINGERPRINT);
  await expect(form.getByRole("button", { name: "Backup Server" })).toHaveAttribute("aria-pressed", "true");
});

test("a search that the server refuses says why", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Add node" }).click();
  const form = page.getByRole("form", { name: "Add a node" });
  await form.getByText("Search the network for Proxmox servers").click();
  await form.getByLabel("Networks").fill("no network");
  await form.getByRole("button", { name: "Search", exact: true }).click();
  await expect(form.getByRole("alert").or(form.getByText("No server was found"))).toBeVisible({
    timeout: 45_000,
  });
});

test("the command with which a node connects itself is there to paste", async ({ inside: page }) => {
  await page.goto("/settings/nodes");
  await page.getByRole("button", { name: "Add node" }).click();
  const form = page.getByRole("form", { name: "Add a node" });
  await form.getByText("Let the node connect itself").click();
  await form.getByRole("button", { name: "Make the command" }).click();
  await expect(form.getByText(/curl .*setup-script/)).toBeVisible();
  await expect(form.getByText(/Good once, until \d/)).toBeVisible();
  await expectAccessible(page, "setup command");
});
