// What an administrator does with agents: name, hide, remove, let back in; and what the licence leaves out.

import { csrf, expect, expectAccessible, LOOKS, lookAt, makeToken, reportHost, test, wear } from "./support";

interface State {
  hosts: { id: string; hostname: string; displayName: string }[];
  dockerHosts: { id: string; hostname: string; displayName: string; customDisplayName?: string }[];
}

test("agents are listed with what can be done", async ({ inside: page }) => {
  await page.goto("/settings/agents");
  await expect(page.getByRole("region", { name: "Agents that report" })).toMatchAriaSnapshot(`
    - region "Agents that report":
      - heading "Agents that report" [level=2]
      - table "Agents that report":
        - rowgroup:
          - row /Name Type Agent/
  `);
  const state = (await (await page.request.get("/api/state")).json()) as State;
  test.skip(state.hosts.length === 0, "no host reports to this server");
  await page
    .getByRole("button", { name: /^Manage .*, Host$/ })
    .first()
    .click();
  const manage = page.getByRole("region", { name: /^Manage / });
  await expect(manage.getByLabel("Proxmox node that is the same machine")).toBeVisible();
  await manage.getByRole("button", { name: "Remove…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("install.sh");
  await expect(dialog).toContainText("--uninstall");
  await expectAccessible(page, "removing a host");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(dialog).toBeHidden();
});

test("a Docker host is named, hidden and shown again", async ({ inside: page }) => {
  const state = (await (await page.request.get("/api/state")).json()) as State;
  const host = state.dockerHosts[0];
  test.skip(host === undefined, "no Docker host reports to this server");
  await page.goto("/settings/agents");
  await page
    .getByRole("button", { name: /^Manage .*, Docker$/ })
    .first()
    .click();
  const manage = page.getByRole("region", { name: /^Manage / });
  // Anything can be a name.
  await manage.getByLabel("Display name").fill("<b>Attic</b> 🏠");
  await manage.getByRole("button", { name: "Rename" }).click();
  await expect(page.getByRole("table", { name: "Agents that report" })).toContainText("<b>Attic</b> 🏠");
  await page
    .getByRole("region", { name: "Manage <b>Attic</b> 🏠" })
    .getByRole("button", { name: "Hide" })
    .click();
  const past = page.getByRole("region", { name: "Removed and hidden" });
  await expect(past).toContainText("<b>Attic</b> 🏠");
  await expectAccessible(page, "a hidden host");
  await page.goto("/docker");
  await expect(page.getByRole("heading", { name: "Docker", level: 1 })).toBeAttached();
  await expect(page.getByText("<b>Attic</b> 🏠")).toHaveCount(0);
  await page.goto("/settings/agents");
  await past.getByRole("button", { name: "Show <b>Attic</b> 🏠" }).click();
  await expect(page.getByRole("table", { name: "Agents that report" })).toContainText("<b>Attic</b> 🏠");
  await page.getByRole("button", { name: "Manage <b>Attic</b> 🏠, Docker" }).click();
  const again = page.getByRole("region", { name: "Manage <b>Attic</b> 🏠" });
  await again.getByLabel("Display name").fill("");
  await again.getByRole("button", { name: "Rename" }).click();
  await expect(page.getByRole("table", { name: "Agents that report" })).not.toContainText("Attic");
});

test("a report that comes in the middle of a name leaves what was typed", async ({ inside: page }) => {
  test.setTimeout(90_000);
  const state = (await (await page.request.get("/api/state")).json()) as State;
  test.skip(state.dockerHosts.length === 0, "no Docker host reports to this server");
  await page.goto("/settings/agents");
  await page
    .getByRole("button", { name: /^Manage .*, Docker$/ })
    .first()
    .click();
  const name = page.getByLabel("Display name");
  await name.fill("half a na");
  const before = ((await (await page.request.get("/api/state")).json()) as { lastUpdate: number }).lastUpdate;
  await expect
    .poll(
      async () =>
        ((await (await page.request.get("/api/state")).json()) as { lastUpdate: number }).lastUpdate,
      {
        timeout: 40_000,
      },
    )
    .not.toBe(before);
  await expect(name).toHaveValue("half a na");
  await expect(name).toBeFocused();
});

test("a removed host may not report until somebody lets it back in", async ({ inside: page, baseURL }) => {
  const id = "spec-removed";
  const token = await makeToken(page, ["host-agent:report"]);
  expect(await reportHost(baseURL, token, id)).toBe(200);
  await page.goto("/settings/agents");
  const list = page.getByRole("table", { name: "Agents that report" });
  await page.getByRole("button", { name: `Manage ${id}, Host` }).click();
  await page
    .getByRole("region", { name: `Manage ${id}` })
    .getByRole("button", { name: "Remove…" })
    .click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(list.getByText(id)).toHaveCount(0);
  const past = page.getByRole("region", { name: "Removed and hidden" });
  await expect(past).toContainText(id);
  await expect(past).toContainText("may report again");
  // Its token went with it.
  expect(await reportHost(baseURL, token, id)).toBe(401);
  await page.goto("/hosts");
  await expect(page.getByRole("table", { name: "Hosts" })).toBeVisible();
  await expect(page.getByRole("table", { name: "Hosts" }).getByText(id)).toHaveCount(0);

  await page.goto("/settings/agents");
  await past.getByRole("button", { name: `Let ${id} report again` }).click();
  await expect(past.getByText(id)).toHaveCount(0);
  const another = await makeToken(page, ["host-agent:report"]);
  expect(await reportHost(baseURL, another, id)).toBe(200);
  await expect(list.getByText(id)).toHaveCount(1);
  await page.request.delete(`/api/agents/host/${id}`, { headers: await csrf(page) });
});

test("a host is said to be a Proxmox node, and no longer", async ({ inside: page, baseURL }) => {
  const id = "spec-linked";
  const token = await makeToken(page, ["host-agent:report"]);
  expect(await reportHost(baseURL, token, id)).toBe(200);
  await page.goto("/settings/agents");
  await page.getByRole("button", { name: `Manage ${id}, Host` }).click();
  const manage = page.getByRole("region", { name: `Manage ${id}` });
  const node = manage.getByLabel("Proxmox node that is the same machine");
  await expect.poll(() => node.locator("option").count()).toBeGreaterThan(1);
  await node.selectOption({ index: 1 });
  await manage.getByRole("button", { name: "Link", exact: true }).click();
  await expect(page.getByText("Host and node are one machine now.")).toBeVisible();
  const linked = async (): Promise<string | undefined> =>
    (
      (await (await page.request.get("/api/state")).json()) as {
        hosts: { id: string; linkedNodeId?: string }[];
      }
    ).hosts.find((host) => host.id === id)?.linkedNodeId;
  await expect.poll(linked).toBe(await node.inputValue());
  await page.reload();
  await page.getByText("Who linked and unlinked what").click();
  await expect(page.getByRole("region", { name: "Removed and hidden" })).toContainText(/linked spec-linked/);
  await page.getByRole("button", { name: `Manage ${id}, Host` }).click();
  await expect(node).not.toHaveValue("");
  await node.selectOption("");
  await manage.getByRole("button", { name: "Unlink" }).click();
  await expect(page.getByText("The host is no node now.")).toBeVisible();
  await expect.poll(linked).toBeFalsy();
  await page.request.delete(`/api/agents/host/${id}`, { headers: await csrf(page) });
});

test("what the licence leaves out is a state, not an error", async ({ inside: page }) => {
  const refused = { error: "license_required", feature: "agent_profiles", message: "x" };
  await page.route("**/api/admin/profiles/**", (route) => route.fulfill({ status: 402, json: refused }));
  await page.goto("/settings/profiles");
  await expect(page.getByRole("main")).toMatchAriaSnapshot(`
    - main:
      - navigation "Settings"
      - heading "Agent profiles" [level=1]
      - heading /Profiles for agents. not in the licence/ [level=2]
      - paragraph: /Nothing is broken/
      - paragraph: /Agents go on/
  `);
  await expect(page.getByRole("alert")).toHaveCount(0);
  for (const look of LOOKS) {
    await wear(page, look);
    await expectAccessible(page, `no licence, ${look.name}`);
  }
});

test("a range beyond the licence says what works", async ({ inside: page }) => {
  await page.route("**/api/metrics-store/history?*range=90d*", (route) =>
    route.fulfill({
      status: 402,
      json: { error: "license_required", feature: "long_term_metrics", max_free: "7d" },
    }),
  );
  await page.goto("/hosts");
  await page.getByRole("table", { name: "Hosts", exact: true }).locator("[data-row-key]").first().click();
  const drawer = page.getByRole("complementary");
  await drawer.getByRole("button", { name: "90 d" }).click();
  await expect(
    drawer.getByRole("heading", { name: "History of more than 7 days: not in the licence" }),
  ).toBeVisible();
  await expectAccessible(page, "a range beyond the licence");
  await drawer.getByRole("button", { name: "Show 7 days" }).click();
  await expect(drawer.getByRole("img", { name: /^CPU/ }).locator("canvas")).toBeVisible();
});

/** Profiles of a server that has the licence, kept in the test. */
test("a profile is made, and what agents could not follow stands at its field", async ({ inside: page }) => {
  const made: unknown[] = [];
  await page.route("**/api/admin/profiles/**", async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path.endsWith("/schema"))
      return route.fulfill({
        json: [
          {
            Key: "interval",
            Type: "duration",
            Description: "How often",
            Default: "30s",
            Required: false,
            Pattern: "",
          },
          {
            Key: "enable_docker",
            Type: "bool",
            Description: "Docker",
            Default: true,
            Required: false,
            Pattern: "",
          },
        ],
      });
    if (/\/(assignments|deployments|changelog)$/.test(path)) return route.fulfill({ json: [] });
    if (path.endsWith("/validate")) {
      const { interval } = route.request().postDataJSON() as { interval?: string };
      return route.fulfill({
        json:
          interval === "often"
            ? { Valid: false, Errors: [{ Key: "interval", Message: "no duration" }], Warnings: null }
            : { Valid: true, Errors: null, Warnings: null },
      });
    }
    if (route.request().method() === "POST") {
      const body = route.request().postDataJSON() as object;
      const at = "2026-11-25T12:00:00Z";
      made.push({ id: "p1", version: 1, created_at: at, updated_at: at, ...body });
      return route.fulfill({ json: made[0] });
    }
    return route.fulfill({ json: made });
  });
  await page.goto("/settings/profiles");
  await page.getByRole("button", { name: "New profile" }).click();
  const form = page.getByRole("form", { name: "New profile" });
  await form.getByLabel("Name").fill("Small");
  await form.getByLabel("interval").fill("often");
  await form.getByRole("button", { name: "Save profile" }).click();
  await expect(form.getByText("no duration")).toBeVisible();
  await expect(form.getByLabel("interval")).toHaveValue("often");
  await expectAccessible(page, "a profile with something wrong");
  await form.getByLabel("interval").fill("60s");
  await form.getByLabel("enable_docker").selectOption("false");
  await form.getByRole("button", { name: "Save profile" }).click();
  await expect(page.getByRole("table", { name: "Agent profiles" })).toContainText("Small");
  expect(made).toMatchObject([{ name: "Small", config: { interval: "60s", enable_docker: false } }]);
});

test("what a profile was is listed, and it can be that again", async ({ inside: page }) => {
  const at = (hour: number): string => `2026-11-25T${hour}:00:00Z`;
  const state = (await (await page.request.get("/api/state")).json()) as State;
  const agent = state.hosts[0]?.id ?? "";
  const versions = [
    { version: 1, config: { interval: "30s" }, created_at: at(10), created_by: "admin", name: "Small" },
    {
      version: 2,
      config: { interval: "5m", enable_docker: true },
      created_at: at(11),
      created_by: "eve",
      name: "Small",
    },
  ].map((each) => ({ profile_id: "p1", ...each }));
  let current = versions[1];
  const asked: string[] = [];
  await page.route("**/api/admin/profiles/**", async (route) => {
    const path = new URL(route.request().url()).pathname;
    if (path.endsWith("/schema")) return route.fulfill({ json: [] });
    if (path.endsWith("/assignments"))
      return route.fulfill({
        json: [{ agent_id: agent, profile_id: "p1", profile_version: 2, updated_at: at(11) }],
      });
    if (path.endsWith("/deployments"))
      return route.fulfill({
        json: [
          {
            agent_id: agent,
            profile_id: "p1",
            assigned_version: 2,
            deployed_version: 1,
            last_deployed_at: at(10),
            deployment_status: "pending",
          },
        ],
      });
    if (path.endsWith("/changelog"))
      return route.fulfill({
        json: [
          {
            id: "c1",
            profile_id: "p1",
            profile_name: "Small",
            action: "create",
            new_version: 1,
            user: "admin",
            timestamp: at(10),
          },
          {
            id: "c2",
            profile_id: "p1",
            profile_name: "Small",
            action: "update",
            old_version: 1,
            new_version: 2,
            user: "eve",
            timestamp: at(11),
          },
        ],
      });
    if (path.endsWith("/versions")) return route.fulfill({ json: versions });
    if (path.includes("/rollback/")) {
      asked.push(path);
      current = { ...versions[0], version: 3, created_at: at(12) } as (typeof versions)[number];
      versions.push(current);
    }
    const profile = { id: "p1", description: "", updated_at: current?.created_at, ...current };
    return route.fulfill({ json: path.includes("/rollback/") ? profile : [profile] });
  });
  await page.goto("/settings/profiles");
  await expect(page.getByRole("region", { name: "Who follows which profile" })).toContainText(
    "has version 1; the next one is on its way",
  );
  const log = page.getByRole("table", { name: "Who changed what" });
  await expect(log.getByRole("row").nth(1)).toContainText("changed, version 1 to 2");
  await expect(log.getByRole("row").nth(1)).toContainText("eve");
  await page.getByRole("button", { name: "Versions of Small" }).click();
  const history = page.getByRole("region", { name: "Versions of Small" });
  await expect(history.getByRole("row").nth(1)).toContainText("interval: 30s → 5m");
  await expect(history).toMatchAriaSnapshot(`
    - region "Versions of Small":
      - heading "Versions of Small" [level=2]
      - button "Close"
      - table "Versions":
        - rowgroup:
          - row /Version Made Changes to it/
  `);
  await lookAt(page, "versions of a profile");
  await history.getByRole("button", { name: "Go back to version 1" }).click();
  const dialog = page.getByRole("dialog", { name: "Make Small what it was in version 1?" });
  await expect(dialog).toContainText("interval: 5m → 30s");
  await expect(dialog).toContainText("enable_docker: true → —");
  await expectAccessible(page, "the way back of a profile");
  await dialog.getByRole("button", { name: "Go back", exact: true }).click();
  await expect(dialog).toBeHidden();
  expect(asked).toEqual(["/api/admin/profiles/p1/rollback/1"]);
  await expect(history.getByRole("row").nth(1)).toContainText("3");
});
