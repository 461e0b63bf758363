import {
  expect,
  expectAccessible,
  PASSWORD,
  pressOn,
  tabTo,
  test,
  typeInto,
  USER,
  variable,
} from "./support";

test("a new server is set up by keyboard alone, and shows itself", async ({ page, errors }) => {
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

  // No step of this test uses the pointer: the first field has the focus.
  await expect(page.getByRole("textbox", { name: "Bootstrap token" })).toBeFocused();
  await page.keyboard.type("not the token");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Invalid bootstrap setup token");

  await typeInto(
    page,
    page.getByRole("textbox", { name: "Bootstrap token" }),
    variable("PULSE_BOOTSTRAP_TOKEN"),
  );
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Who may log in" })).toBeVisible();
  await typeInto(page, page.getByRole("textbox", { name: "User" }), USER);
  await typeInto(page, page.getByLabel("Password", { exact: true }), "short");
  await typeInto(page, page.getByLabel("Password again"), "other");
  await pressOn(page, page.getByRole("button", { name: "Set up Pulse" }));
  await expect(page.getByText("At least 12 characters, this has 5")).toBeVisible();
  await expect(page.getByText("The two passwords differ")).toBeVisible();
  await expectAccessible(page, "setup, password");

  await typeInto(page, page.getByLabel("Password", { exact: true }), PASSWORD);
  await typeInto(page, page.getByLabel("Password again"), PASSWORD);
  // The login behind the setup is held back: a fast hand must not end at the login form.
  let letLoginGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letLoginGo = resolve));
  await page.route("**/api/login", async (route) => {
    await held;
    await route.continue();
  });
  await pressOn(page, page.getByRole("button", { name: "Set up Pulse" }));
  await expect(page.getByRole("heading", { name: "Pulse is set up" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Open the dashboard" })).toBeDisabled();
  letLoginGo();
  await expect(page.getByTitle("API token")).toHaveText(/^[0-9a-f]{64}$/);
  await expectAccessible(page, "setup, done");

  const open = page.getByRole("button", { name: "Open the dashboard" });
  await expect(open).toBeEnabled();
  await pressOn(page, open);
  // The machine that the server runs on is there with no configuration.
  await expect(page).toHaveURL(/\/hosts/);
  await expect(page.getByRole("table", { name: "Hosts" }).locator("[data-row-key]").first()).toBeVisible();
  await expect(page.getByRole("status", { name: "Connection" })).toContainText("Live");
  // On to the first node, still by keyboard: two keys, and the form.
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/\/settings\/nodes/);
  await pressOn(page, page.getByRole("button", { name: "Add node" }));
  await expect(
    page.getByRole("form", { name: "Add a node" }).getByRole("textbox", { name: "Address" }),
  ).toBeFocused();
  await tabTo(page, page.getByRole("button", { name: "Cancel" }));
  await page.keyboard.press("Enter");
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
