// What people write about a resource: notes and a link, kept by the server and seen by everybody.

import type { Locator, Page } from "@playwright/test";
import { expect, expectAccessible, hasContainers, rowNames, test } from "./support";

async function openFirst(page: Page, address: string, table: string): Promise<Locator> {
  await page.goto(address);
  await rowNames(page, table).first().click();
  return page.getByRole("complementary");
}

const KINDS = [
  { what: "guest", address: "/proxmox", table: "Guests" },
  { what: "host", address: "/hosts", table: "Hosts" },
  { what: "container", address: "/docker", table: "Containers" },
] as const;

for (const { what, address, table } of KINDS) {
  test(`a note and a link of a ${what} are written, kept, changed and taken away`, async ({
    inside: page,
  }) => {
    test.skip(what === "container" && !(await hasContainers(page)), "there is no container");
    const drawer = await openFirst(page, address, table);
    await drawer.getByRole("button", { name: "Add a note or link" }).click();
    const form = drawer.getByRole("form", { name: "Notes" });
    await expect(form.getByLabel("Link")).toBeFocused();
    // Others click on it: it may not be a program.
    await form.getByLabel("Link").fill("javascript:alert(1)");
    await form.getByLabel("Notes, one a line").fill("<b>second</b> line\nאחרי");
    await form.getByRole("button", { name: "Save" }).click();
    await expect(form.getByText("A link begins with http:// or https:// and a host")).toBeVisible();
    await expectAccessible(page, `notes of a ${what}, with an error`);
    await form.getByLabel("Link").fill(`https://wiki.example.net/${what}`);
    await form.getByRole("button", { name: "Save" }).click();
    await expect(form).toBeHidden();
    await expect(drawer.getByText("<b>second</b> line", { exact: true })).toBeVisible();

    await page.reload();
    const link = drawer.getByRole("link", { name: `https://wiki.example.net/${what}` });
    await expect(link).toHaveAttribute("href", `https://wiki.example.net/${what}`);
    await expect(link).toHaveAttribute("rel", /noopener/);
    await expect(drawer.getByText("אחרי", { exact: true })).toBeVisible();

    await drawer.getByRole("button", { name: "Edit", exact: true }).click();
    await form.getByLabel("Link").fill("");
    await form.getByLabel("Notes, one a line").fill("");
    await form.getByRole("button", { name: "Save" }).click();
    await expect(drawer.getByRole("button", { name: "Add a note or link" })).toBeVisible();
    await expect(link).toHaveCount(0);
  });
}

test("what the server refuses stands in the form, and nothing that was typed is lost", async ({
  inside: page,
}) => {
  await page.route("**/api/hosts/metadata/**", (route) =>
    route.request().method() === "PUT"
      ? route.fulfill({ status: 500, contentType: "text/plain", body: "the disk is full" })
      : route.continue(),
  );
  const drawer = await openFirst(page, "/hosts", "Hosts");
  await drawer.getByRole("button", { name: /^(Add a note or link|Edit)$/ }).click();
  const form = drawer.getByRole("form", { name: "Notes" });
  await form.getByLabel("Notes, one a line").fill("typed with care");
  await form.getByRole("button", { name: "Save" }).click();
  await expect(form.getByRole("alert")).toContainText("the disk is full");
  await expect(form.getByLabel("Notes, one a line")).toHaveValue("typed with care");
});
