import { expect, expectAccessible, PASSWORD, test, USER, variable } from "./support";

test("a new server asks for the bootstrap token, then for a user, then shows itself", async ({
  page,
  errors,
}) => {
  void errors;
  const status = (await (await page.request.get("/api/security/status")).json()) as {
    bootstrapTokenPath?: string;
  };
  test.skip(status.bootstrapTokenPath === undefined, "this server has been set up before");

  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Welcome to Pulse" })).toBeVisible();
  await expect(page.getByRole("main")).toMatchAriaSnapshot(`
    - main:
      - region "First setup":
        - list:
          - listitem: Bootstrap token
          - listitem: User and password
          - listitem: API token
        - form "Bootstrap token":
          - heading "Welcome to Pulse" [level=1]
          - textbox "Bootstrap token"
          - button "Continue" [disabled]
  `);
  await expectAccessible(page, "setup, token");

  // By keyboard alone: the first field has the focus.
  await page.keyboard.type("not the token");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Invalid bootstrap setup token");

  await page.getByRole("textbox", { name: "Bootstrap token" }).fill(variable("PULSE_BOOTSTRAP_TOKEN"));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Who may log in" })).toBeVisible();
  await page.getByRole("textbox", { name: "User" }).fill(USER);
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Password again").fill("other");
  await page.getByRole("button", { name: "Set up Pulse" }).click();
  await expect(page.getByText("At least 12 characters, this has 5")).toBeVisible();
  await expect(page.getByText("The two passwords differ")).toBeVisible();
  await expectAccessible(page, "setup, password");

  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  // The login behind the setup is held back: a fast hand must not end at the login form.
  let letLoginGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letLoginGo = resolve));
  await page.route("**/api/login", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "Set up Pulse" }).click();
  await expect(page.getByRole("heading", { name: "Pulse is set up" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Open the dashboard" })).toBeDisabled();
  letLoginGo();
  await expect(page.getByTitle("API token")).toHaveText(/^[0-9a-f]{64}$/);
  await expectAccessible(page, "setup, done");

  await page.getByRole("button", { name: "Open the dashboard" }).click();
  // The machine that the server runs on is there with no configuration.
  await expect(page).toHaveURL(/\/hosts/);
  await expect(page.getByRole("table", { name: "Hosts" }).locator("[data-row-key]").first()).toBeVisible();
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
});

test("login refuses a wrong password in the server's words and lets the right one in", async ({
  page,
  errors,
}) => {
  void errors;
  await page.goto("/hosts");
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await expect(page.getByRole("main")).toMatchAriaSnapshot(`
    - main:
      - form "Log in":
        - heading "Log in" [level=1]
        - textbox "User"
        - textbox "Password"
        - checkbox "Stay logged in for 30 days"
        - button "Locked out?"
        - button "Log in"
  `);
  await expectAccessible(page, "login");
  await page.getByRole("textbox", { name: "User" }).fill(USER);
  await page.getByLabel("Password").fill("certainly wrong");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Invalid username or password");

  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  // Where the address pointed, not the start page.
  await expect(page).toHaveURL(/\/hosts/);
  await expect(page.getByRole("table", { name: "Hosts" })).toBeVisible();

  await page.getByRole("button", { name: `Log out ${USER}` }).click();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
});
