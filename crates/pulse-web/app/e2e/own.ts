// A server of a test's own, for walks that must not disturb what the other specs look at: recovery, passwords, providers,
// settings of the environment. And a real OpenID Connect provider.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Page } from "@playwright/test";
import { expect, PASSWORD, USER, variable } from "./support";

/** What a program prints once it is ready. */
async function said(program: ChildProcess, wanted: RegExp): Promise<string> {
  if (program.stdout === null) throw new Error("the program has no output");
  for await (const line of createInterface({ input: program.stdout })) {
    const found = wanted.exec(line)?.[1];
    if (found !== undefined) {
      program.stdout.resume();
      return found;
    }
  }
  throw new Error(`the program ended without ${wanted}`);
}

async function ended(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const over = new Promise((resolve) => program.once("exit", resolve));
  program.kill("SIGTERM");
  await over;
}

/** The API token of every server of a test's own. */
export const OWN_TOKEN = "a-token-of-this-walk";

export class OwnServer {
  private program: ChildProcess | undefined;
  url = "";

  private constructor(
    private readonly data: string,
    private readonly environment: Record<string, string>,
  ) {}

  /** One that has been set up, with `environment` beside what every server has; where a proxy vouches, by that. */
  static async start(environment: Record<string, string> = {}): Promise<OwnServer> {
    const server = new OwnServer(mkdtempSync(join(tmpdir(), "pulse-walk-")), environment);
    await server.listen("127.0.0.1:0");
    if (environment.PROXY_AUTH_SECRET !== undefined) return server;
    const token = server.command("bootstrap-token");
    const answer = await fetch(`${server.url}/api/security/quick-setup`, {
      method: "POST",
      headers: { "X-Setup-Token": token },
      body: JSON.stringify({ username: USER, password: PASSWORD, apiToken: OWN_TOKEN }),
    });
    expect(answer.status, await answer.text()).toBe(200);
    return server;
  }

  private async listen(address: string): Promise<void> {
    this.program = spawn(
      variable("PULSE_SERVER"),
      ["serve", "--listen", address, "--data-dir", this.data, "--no-local-host"],
      { env: { PATH: process.env.PATH, ...this.environment }, stdio: ["ignore", "pipe", "ignore"] },
    );
    this.url = await said(this.program, /listening on (http:\S+)/);
  }

  /** Ends it, as before a start on the same address with the same data. */
  async pause(): Promise<void> {
    if (this.program !== undefined) await ended(this.program);
  }

  async resume(): Promise<void> {
    await this.listen(new URL(this.url).host);
  }

  /** What a command of the server prints about this data directory. */
  command(name: string): string {
    const out = execFileSync(variable("PULSE_SERVER"), [name, "--data-dir", this.data], { encoding: "utf8" });
    return out.trim();
  }

  /** Logs in as a person does. */
  async logIn(page: Page, password = PASSWORD): Promise<void> {
    await page.goto(`${this.url}/settings/security`);
    await page.getByRole("textbox", { name: "User" }).fill(USER);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Log in", exact: true }).click();
    await expect(page.getByRole("heading", { name: "Security", exact: true })).toBeVisible();
  }

  async stop(): Promise<void> {
    await this.pause();
    rmSync(this.data, { recursive: true, force: true });
  }
}

/** npm's certified `oidc-provider`: kim is in the groups ops and staff, eve in guests; any password will do. */
export class OwnProvider {
  private constructor(
    private readonly program: ChildProcess,
    readonly issuer: string,
  ) {}

  static async start(redirect: string): Promise<OwnProvider> {
    const program = spawn(process.execPath, ["provider.mjs", redirect], {
      cwd: variable("OIDC_PROVIDER"),
      stdio: ["ignore", "pipe", "ignore"],
    });
    return new OwnProvider(program, await said(program, /listening on (\S+)/));
  }

  /** Goes through its pages, from its login page to where it sends the browser back to. */
  async logIn(page: Page, user: string): Promise<void> {
    await expect(page).toHaveURL(new RegExp(`^${this.issuer}/`));
    await page.locator("input[name=login]").fill(user);
    await page.locator("input[name=password]").fill("any");
    await page.locator("button[type=submit]").click();
    await page.getByRole("button", { name: "Continue" }).click();
  }

  async stop(): Promise<void> {
    await ended(this.program);
  }
}
